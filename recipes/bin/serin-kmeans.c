/* serin-kmeans: clusters of frames, the targets of HuBERT's pre-training. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "base/options.h"
#include "base/progress.h"
#include "recipes/kmeans.h"

static const char usage[] =
    "Clusters frames, or says which cluster each frame belongs to: the targets of serin-pretrain-hubert. A frame is a row of a\n"
    "table of matrices: MFCC of serin-features, or the states serin-states finds in a layer. The centres are a matrix of\n"
    "numpy's, a row a cluster.\n"
    "Usage: serin-kmeans [options] <matrix-rspecifier> <centres.npy>\n"
    "       serin-kmeans --assign <centres.npy> <matrix-rspecifier> <labels>\n"
    "e.g.:  serin-features --type=mfcc --num-ceps=13 --deltas=2 scp:data/wav.scp ark:exp/mfcc.ark\n"
    "       serin-kmeans --clusters=100 ark:exp/mfcc.ark exp/km.npy\n"
    "       serin-kmeans --assign exp/km.npy ark:exp/mfcc.ark exp/labels\n";

typedef struct options {
    bool assign;
    int  clusters, iterations, seed, max_frames;
    double tolerance;
} options;

static base_status sample(const char *features, ser_sample *s, base_error *e)
{
    nn_table_reader *r = nn_table_open(features, e);
    base_progress p;
    const char *key = "";
    nn_matrix m;

    base_progress_begin(&p, "reading", "frames", 0, 0);
    while (r && key && !nn_table_next(r, &key, &m, e) && key) {
        if (ser_sample_add(s, &m, e)) {
            base_fail_in(e, "%s: \"%s\"", features, key);
            break;
        }
        base_progress_step(&p, (double)s->seen, NULL);
    }
    base_progress_end(&p, NULL);
    nn_table_close(r);
    if (!e->status && s->seen == 0)
        base_fail(e, BASE_MISSING, "%s: no frames", features);
    return e->status;
}

/* Returns how many frames there are. */
static int64_t train(const options *o, const char *features, const char *path, base_error *e)
{
    ser_sample s = { .most = o->max_frames, .seed = (uint64_t)o->seed };
    ser_kmeans_options k = { o->clusters, o->iterations, o->tolerance, (uint64_t)o->seed, NULL };
    ser_kmeans_course course;
    nn_matrix centres = { 0 };
    int64_t seen;

    if (!sample(features, &s, e)) {
        if (s.seen > s.kept)
            base_log("%" PRId64 " of %" PRId64 " frames are sampled (--max-frames)", s.kept, s.seen);
        if (ser_kmeans_train(&(nn_matrix){ s.x, s.kept, s.cols }, &k, &centres, &course, e))
            base_fail_in(e, "%s", features);
        else if (!nn_npy_write(path, &centres, e))
            base_log("%d clusters of %d columns, %d iterations, %d centres moved for want of frames, inertia %.6g (of the first "
                "centres %.6g)", o->clusters, s.cols, course.iterations, course.reseeded, course.inertia, course.first);
    }
    nn_matrix_free(&centres);
    seen = s.seen;
    ser_sample_free(&s);
    return seen;
}

static base_status write_labels(const nn_matrix *centres, const char *key, const nn_matrix *m, FILE *f, double *inertia, base_error *e)
{
    size_t n = (size_t)m->rows;
    int *nearest = malloc(n * sizeof *nearest + 1);
    float *distance = malloc(n * sizeof *distance + 1);

    if (!nearest || !distance)
        base_fail(e, BASE_NO_MEMORY, "out of memory for %" PRId64 " frames", m->rows);
    else if (!ser_kmeans_assign(centres, m, nearest, distance, e)) {
        fputs(key, f);
        for (int64_t i = 0; i < m->rows; i++) {
            fprintf(f, " %d", nearest[i]);
            *inertia += (double)distance[i];
        }
        fputc('\n', f);
    }
    free(nearest);
    free(distance);
    return e->status;
}

static int64_t assign(const char *path, const char *features, const char *labels, base_error *e)
{
    nn_matrix centres = { 0 }, m;
    nn_table_reader *r = NULL;
    base_out out = { 0 };
    const char *key = "";
    int64_t frames = 0;
    double inertia = 0;

    if (!nn_npy_read(path, &centres, e) && (r = nn_table_open(features, e)) && !base_out_open(&out, labels, e)) {
        while (!nn_table_next(r, &key, &m, e) && key) {
            if (write_labels(&centres, key, &m, out.f, &inertia, e)) {
                base_fail_in(e, "%s: \"%s\" and the centres of %s", features, key, path);
                break;
            }
            frames += m.rows;
        }
        if (!e->status && !frames)
            base_fail(e, BASE_MISSING, "%s: no frames", features);
        if (!e->status && !base_out_commit(&out, e))
            base_log("%s, inertia %.6g", base_count(frames, "frame"), inertia / (double)frames);
        base_out_abandon(&out);
    }
    nn_table_close(r);
    nn_matrix_free(&centres);
    return frames;
}

int main(int argc, char **argv)
{
    ser_kmeans_options k = SER_KMEANS_DEFAULTS;
    options o = { false, k.clusters, k.iterations, (int)k.seed, 200000, k.tolerance };
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    int64_t frames = 0;

    base_option_bool(po, "assign", &o.assign, "write the cluster of each frame, with centres that are there already");
    base_option_int(po, "clusters", &o.clusters, 1, 100000, "how many");
    base_option_int(po, "iterations", &o.iterations, 0, 100000, "most iterations");
    base_option_float(po, "tolerance", &o.tolerance, 0, 1, "end when an iteration lowers the inertia by less than this share");
    base_option_int(po, "max-frames", &o.max_frames, 1, 100000000, "frames kept in memory, drawn evenly from all");
    base_option_int(po, "seed", &o.seed, 0, 2147483647, "of the sample and of the first centres");
    base_options_parse(po, argc, argv, 2, 3);
    if (base_options_count(po) != (o.assign ? 3 : 2))
        base_fail(&e, BASE_VALUE, "%s, expected %s", base_count(base_options_count(po), "argument"),
            o.assign ? "<centres.npy> <matrix-rspecifier> <labels>" : "<matrix-rspecifier> <centres.npy>, or --assign");
    else if (o.assign)
        frames = assign(base_options_argument(po, 0), base_options_argument(po, 1), base_options_argument(po, 2), &e);
    else
        frames = train(&o, base_options_argument(po, 0), base_options_argument(po, 1), &e);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("frame", (long)frames, 0);
}
