#include "base/parallel.h"

#include <omp.h>

int base_threads(void) { return omp_get_max_threads(); }
int base_thread(void) { return omp_get_thread_num(); }
