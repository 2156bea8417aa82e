/* The grid kernel: many variants of one market, their equity, drawdown and daily Sharpe ratio.
 *
 * This file is compiled once for each instruction set; the Python side loads the best one that the
 * machine has. All of them must give the same bytes: no fast-math, no contraction of a product and
 * a sum into one rounding. It keeps no state, takes no lock and calls no Python, so that threads
 * may run it side by side over different rows.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "compare.h"
#include "crosses.h"
#include "edges.h"
#include "lanes.h"
#include "ranges.h"
#include "results.h"
#include "task.h"
#include "tiles.h"
#include "walk.h"

#define EXPORT __attribute__((visibility("default")))

/* Bytes of a Task: the Python side holds its own layout against it. */
EXPORT int64_t bowline_task_bytes(void) { return (int64_t)sizeof(Task); }

/* The best instruction set here: 2 is AVX-512, 1 is AVX2, 0 is neither. */
EXPORT int64_t bowline_best_instructions(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512cd"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
        return 1;
#endif
    return 0;
}

static void write_lanes(const Task *task, int64_t base, const Lanes *lanes)
{
    double last = task->closes[task->length - 1];
    for (int64_t j = 0; j < lanes->count; j++) {
        int open = lanes->free_from[j] >= (double)task->length;
        Ending ending = {
            .final_equity = open ? lanes->fixed[j] + lanes->quantity[j] * last
                                 : rest_of(task, lanes, j),
            .drawdown = lanes->drawdown[j],
            .peak = lanes->peak[j],
            .low = lanes->low[j],
            .held = lanes->held[j],
            .round_trips = lanes->round_trips[j],
            .wins = lanes->wins[j],
            .days = {lanes->daily + j, lanes->count},
        };
        write_row(task, base * task->lanes + j, &ending);
    }
}

/* What one call works with; all of it is its own, so that calls can run side by side. */
typedef struct {
    Tile *tile;
    Crosses crosses;
    /* without stops */
    Walker *walkers;
    double *daily;
    /* with stops: whole bitsets of some bases at a time, where these share averages */
    int64_t together;
    uint64_t *words;
    Edge *edges;
    Lanes lanes;
    Exit *stops;
    double *entered;
} Workshop;

/* bases whose bits of a tile are made together, and bytes of whole bitsets: enough to share what a
 * tile is made of, and not more than stays in a cache near by */
#define TOGETHER 32
#define BITSETS (16 << 20)

static int has_stops(const Task *task)
{
    return task->lanes > 1 || !isnan(task->sl_rates[0]) || !isnan(task->tp_rates[0]);
}

static int open_workshop(const Task *task, Workshop *shop, int64_t first, int64_t stop)
{
    shop->tile = aligned_alloc(64, (sizeof *shop->tile + 63) / 64 * 64);
    if (!shop->tile || (!task->bank && !make_crosses(task, &shop->crosses, first, stop)))
        return 0;
    if (!has_stops(task)) {
        size_t count = (size_t)(stop - first);
        shop->walkers = malloc(count * sizeof *shop->walkers);
        shop->daily = malloc(count * (size_t)task->days * sizeof *shop->daily);
        return shop->walkers && shop->daily;
    }
    int64_t bitset = 2 * task->words * (int64_t)sizeof *shop->words;
    shop->together = task->bank ? 1 : later(1, earlier(stop - first, BITSETS / bitset));
    shop->words = malloc((size_t)(shop->together * bitset));
    shop->edges = malloc((size_t)task->length * sizeof *shop->edges);
    shop->stops = malloc((size_t)(task->sl_count + task->tp_count) * sizeof *shop->stops);
    shop->entered = malloc((size_t)task->lanes * sizeof *shop->entered);
    return shop->words && shop->edges && shop->stops && shop->entered
           && make_lanes(task, &shop->lanes);
}

static void close_workshop(Workshop *shop)
{
    free(shop->tile);
    free_crosses(&shop->crosses);
    free(shop->walkers);
    free(shop->daily);
    free(shop->words);
    free(shop->edges);
    free(shop->stops);
    free(shop->entered);
    free_lanes(&shop->lanes);
}

static inline void tile_signals(const Task *task, const Workshop *shop, int64_t base,
                                uint64_t *long_words, uint64_t *short_words)
{
    const Tile *tile = shop->tile;
    if (task->bank)
        agree(task, base, tile->from / WORD_BITS, tile->words, long_words, short_words);
    else
        cross_words(task, &shop->crosses, tile, base, long_words, short_words);
}

static void move_tile(const Task *task, Workshop *shop, int64_t from)
{
    make_tile(task, shop->tile, from);
    if (!task->bank)
        make_averages(task, &shop->crosses, shop->tile);
}

static void walk_all(const Task *task, Workshop *shop, int64_t first, int64_t stop)
{
    Manner manner = manner_of(task);
    uint64_t words[TOGETHER][2][TILE_WORDS];
    /* the candle before the first decision says which of its signals are new */
    int64_t begin = (task->start ? task->start - 1 : 0) / TILE * TILE;
    for (int64_t base = first; base < stop; base++)
        begin_walk(task, base, &shop->walkers[base - first]);
    /* sums begin at their anchors, whoever decides only later */
    for (int64_t from = task->bank ? begin : 0; from < task->length; from += TILE) {
        move_tile(task, shop, from);
        if (from < begin)
            continue;
        for (int64_t group = first; group < stop; group += TOGETHER) {
            int64_t end = earlier(group + TOGETHER, stop);
            for (int64_t base = group; base < end; base++)
                tile_signals(task, shop, base, words[base - group][0], words[base - group][1]);
            for (int64_t base = group; base < end; base++)
                step_walker(task, shop->tile, &manner, &shop->walkers[base - first],
                            words[base - group][0], words[base - group][1],
                            shop->daily + (base - first) * task->days);
        }
    }
    double last = task->closes[task->length - 1];
    for (int64_t base = first; base < stop; base++) {
        const Walker *walker = &shop->walkers[base - first];
        Ending ending = {
            .final_equity = walker->fixed + walker->quantity * last,
            .drawdown = walker->drawdown,
            .peak = walker->peak,
            .low = walker->low,
            .held = (double)walker->held,
            .round_trips = walker->round_trips,
            .wins = walker->wins,
            .days = {shop->daily + (base - first) * task->days, 1},
        };
        write_row(task, base, &ending);
    }
}

/* The whole bitsets of bases `group` up to `end`. */
static void make_bitsets(const Task *task, Workshop *shop, int64_t group, int64_t end)
{
    if (task->bank) {
        for (int64_t base = group; base < end; base++) {
            uint64_t *words = shop->words + (base - group) * 2 * task->words;
            agree(task, base, 0, task->words, words, words + task->words);
        }
        return;
    }
    shop->tile->day = 0;
    memset(shop->crosses.sums, 0, (size_t)shop->crosses.count * sizeof(double));
    for (int64_t from = 0; from < task->length; from += TILE) {
        move_tile(task, shop, from);
        for (int64_t base = group; base < end; base++) {
            uint64_t *words = shop->words + (base - group) * 2 * task->words;
            tile_signals(task, shop, base, words + from / WORD_BITS,
                         words + task->words + from / WORD_BITS);
        }
    }
}

static void run_all_lanes(const Task *task, Workshop *shop, int64_t first, int64_t stop)
{
    for (int64_t group = first; group < stop; group += shop->together) {
        int64_t end = earlier(group + shop->together, stop);
        make_bitsets(task, shop, group, end);
        for (int64_t base = group; base < end; base++) {
            const uint64_t *words = shop->words + (base - group) * 2 * task->words;
            int64_t count = find_edges(task, base, words, words + task->words, shop->edges);
            run_lanes(task, &shop->lanes, shop->edges, count, shop->stops, shop->entered);
            write_lanes(task, base, &shop->lanes);
        }
    }
}

/* Rows of bases `first` up to `stop`. 0, or -1 if there was no memory. */
EXPORT int64_t bowline_evaluate(const Task *task, int64_t first, int64_t stop)
{
    Workshop shop = {0};
    int ready = open_workshop(task, &shop, first, stop);
    if (ready) {
        shop.tile->day = 0;
        (has_stops(task) ? run_all_lanes : walk_all)(task, &shop, first, stop);
    }
    close_workshop(&shop);
    return ready ? 0 : -1;
}

/* See compare.h. */
EXPORT void bowline_compare(const double *one, const double *other, const double *scales,
                            int64_t count, double rounding, int8_t *direction)
{
    compare(one, other, scales, count, rounding, direction);
}

/* Python finds and loads the library as a module; the functions are called through ctypes. */
#define JOINED(a, b) a##b
#define MODULE_INIT(name) JOINED(PyInit_, name)

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "kernel", NULL, -1, NULL};

PyMODINIT_FUNC MODULE_INIT(BOWLINE_KERNEL_NAME)(void) { return PyModule_Create(&definition); }
