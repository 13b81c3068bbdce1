/* What the bootstrap draws: speakers, dialogues, or utterances by themselves; and how that is told. */
#include <stdlib.h>

#include "base/number.h"
#include "recipes/score.h"

/* ---- of each utterance ------------------------------------------------------------------------------------------- */

base_status ser_cluster_numbers(int64_t **cluster, const tx_table *by, const char *const *key, int64_t n, base_error *e)
{
    ser_parts parts;

    *cluster = NULL;
    if (!by->path)
        return BASE_OK;
    if (ser_parts_make(&parts, by, key, n, e) != BASE_OK)
        return e->status;
    *cluster = malloc((size_t)n * sizeof(**cluster) + 1);
    if (!*cluster)
        base_fail(e, BASE_NO_MEMORY, "no memory for the clusters of %lld utterances", (long long)n);
    for (int i = 0; *cluster && i < parts.n; i++)
        for (int64_t j = parts.begin[i]; j < parts.begin[i + 1]; j++)
            (*cluster)[parts.order[j]] = i;
    ser_parts_free(&parts);
    return e->status;
}

/* ---- of a part --------------------------------------------------------------------------------------------------- */

typedef struct member { int64_t cluster, utterance; } member;

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;

    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (x->utterance > y->utterance) - (x->utterance < y->utterance);
}

base_status ser_clusters_make(ser_clusters *c, const int64_t *cluster, const int64_t *which, int64_t n, base_error *e)
{
    member *all = malloc((size_t)n * sizeof(*all) + 1);

    *c = (ser_clusters){ 0, malloc((size_t)n * sizeof(*c->order) + 1), malloc(((size_t)n + 1) * sizeof(*c->begin)) };
    if (!all || !c->order || !c->begin) {
        free(all);
        ser_clusters_free(c);
        return base_fail(e, BASE_NO_MEMORY, "no memory for the clusters of %lld utterances", (long long)n);
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t u = which ? which[i] : i;

        all[i] = (member){ cluster ? cluster[u] : i, u };
    }
    qsort(all, (size_t)n, sizeof(*all), compare_members);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || all[i].cluster != all[i - 1].cluster)
            c->begin[c->n++] = i;
        c->order[i] = all[i].utterance;
    }
    c->begin[c->n] = n;
    free(all);
    return BASE_OK;
}

void ser_clusters_free(ser_clusters *c)
{
    free(c->order);
    free(c->begin);
    *c = (ser_clusters){ 0 };
}

/* ---- told -------------------------------------------------------------------------------------------------------- */

void ser_clusters_print(const ser_bootstrap *o, const char *table, int64_t clusters, FILE *f)
{
    if (!o->cluster)
        fprintf(f, "intervals: %d resamples of utterances (--clusters=utt2spk draws speakers)\n", o->resamples);
    else
        fprintf(f, "intervals: %d resamples of %s of %s and of utterances in each%s\n", o->resamples,
            base_count(clusters, "cluster"), table,
            clusters < SER_FEW_CLUSTERS ? "; so few clusters make them coarse" : "");
}

json_t *ser_bootstrap_json(const ser_bootstrap *o, const char *table, int64_t clusters)
{
    json_t *j = json_pack("{s:s, s:i, s:i}", "draws", o->cluster ? "clusters" : "utterances", "resamples", o->resamples,
        "seed", o->seed);

    if (o->cluster) {
        json_object_set_new(j, "table", json_string(table));
        json_object_set_new(j, "clusters", json_integer(clusters));
        json_object_set_new(j, "coarse", json_boolean(clusters < SER_FEW_CLUSTERS));
    }
    return j;
}
