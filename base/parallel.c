#include "base/parallel.h"

#include <omp.h>

void base_set_threads(int n) { omp_set_num_threads(n); }
int base_threads(void) { return omp_get_max_threads(); }
int base_thread(void) { return omp_get_thread_num(); }
