/* The grid kernel: equity, drawdown and daily Sharpe ratio of many variants on one market.
 *
 * This file is compiled once per instruction set; the Python side loads the best one that the
 * machine supports. All must give the same bytes: no fast-math, no contraction of a product and a
 * sum into one rounding. It keeps no state, takes no lock and calls no Python, so that threads may
 * run it at the same time over different rows.
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
#include "no_stops.h"

#define EXPORT __attribute__((visibility("default")))

/* sizeof(Task), which the Python side compares with its own layout. */
EXPORT int64_t bowline_task_bytes(void) { return (int64_t)sizeof(Task); }

/* The best supported instruction set: 2 is AVX-512, 1 is AVX2, 0 is neither. */
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
        FinalState final = {
            .final_equity = open ? lanes->fixed[j] + lanes->quantity[j] * last
                                 : flat_equity_of(task, lanes, j),
            .drawdown = lanes->drawdown[j],
            .peak = lanes->peak[j],
            .low = lanes->low[j],
            .held = lanes->held[j],
            .round_trips = lanes->round_trips[j],
            .wins = lanes->wins[j],
            .days = {lanes->daily + j, lanes->count},
        };
        write_row(task, base * task->lanes + j, &final);
    }
}

/* The memory of one call, owned by it, so that calls can run at the same time. */
typedef struct {
    Tile *tile;
    Crosses crosses;
    /* without stops */
    VariantState *states;
    double *daily;
    /* with stops: whole bitsets of several bases at a time, because these share averages */
    int64_t bases_at_once;
    uint64_t *words;
    Edge *edges;
    Lanes lanes;
    Exit *stops;
    double *entered;
} Workspace;

/* bases whose bits of a tile are computed together, and bytes of whole bitsets: enough to share the
 * work of a tile, few enough to stay in the cache */
#define BASES_AT_ONCE 32
#define BITSETS (16 << 20)

static int has_stops(const Task *task)
{
    return task->lanes > 1 || !isnan(task->sl_rates[0]) || !isnan(task->tp_rates[0]);
}

static int allocate_workspace(const Task *task, Workspace *space, int64_t first, int64_t stop)
{
    space->tile = aligned_alloc(64, (sizeof *space->tile + 63) / 64 * 64);
    if (!space->tile || (!task->bank && !make_crosses(task, &space->crosses, first, stop)))
        return 0;
    if (!has_stops(task)) {
        size_t count = (size_t)(stop - first);
        space->states = malloc(count * sizeof *space->states);
        space->daily = malloc(count * (size_t)task->days * sizeof *space->daily);
        return space->states && space->daily;
    }
    int64_t bitset = 2 * task->words * (int64_t)sizeof *space->words;
    space->bases_at_once = task->bank ? 1 : later(1, earlier(stop - first, BITSETS / bitset));
    space->words = malloc((size_t)(space->bases_at_once * bitset));
    space->edges = malloc((size_t)task->length * sizeof *space->edges);
    space->stops = malloc((size_t)(task->sl_count + task->tp_count) * sizeof *space->stops);
    space->entered = malloc((size_t)task->lanes * sizeof *space->entered);
    return space->words && space->edges && space->stops && space->entered
           && make_lanes(task, &space->lanes);
}

static void free_workspace(Workspace *space)
{
    free(space->tile);
    free_crosses(&space->crosses);
    free(space->states);
    free(space->daily);
    free(space->words);
    free(space->edges);
    free(space->stops);
    free(space->entered);
    free_lanes(&space->lanes);
}

static inline void tile_signals(const Task *task, const Workspace *space, int64_t base,
                                uint64_t *long_words, uint64_t *short_words)
{
    const Tile *tile = space->tile;
    if (task->bank)
        agree(task, base, tile->from / WORD_BITS, tile->words, long_words, short_words);
    else
        cross_words(task, &space->crosses, tile, base, long_words, short_words);
}

static void move_tile(const Task *task, Workspace *space, int64_t from)
{
    make_tile(task, space->tile, from);
    if (!task->bank)
        make_averages(task, &space->crosses, space->tile);
}

static void simulate_all(const Task *task, Workspace *space, int64_t first, int64_t stop)
{
    Trading trading = trading_of(task);
    uint64_t words[BASES_AT_ONCE][2][TILE_WORDS];
    /* the candle before the first decided one determines which signals are new */
    int64_t begin = (task->start ? task->start - 1 : 0) / TILE * TILE;
    for (int64_t base = first; base < stop; base++)
        init_variant(task, base, &space->states[base - first]);
    /* running sums begin at their anchors, which lie before the first decision */
    for (int64_t from = task->bank ? begin : 0; from < task->length; from += TILE) {
        move_tile(task, space, from);
        if (from < begin)
            continue;
        for (int64_t group = first; group < stop; group += BASES_AT_ONCE) {
            int64_t end = earlier(group + BASES_AT_ONCE, stop);
            for (int64_t base = group; base < end; base++)
                tile_signals(task, space, base, words[base - group][0], words[base - group][1]);
            for (int64_t base = group; base < end; base++)
                simulate_tile(task, space->tile, &trading, &space->states[base - first],
                            words[base - group][0], words[base - group][1],
                            space->daily + (base - first) * task->days);
        }
    }
    double last = task->closes[task->length - 1];
    for (int64_t base = first; base < stop; base++) {
        const VariantState *state = &space->states[base - first];
        FinalState final = {
            .final_equity = state->fixed + state->quantity * last,
            .drawdown = state->drawdown,
            .peak = state->peak,
            .low = state->low,
            .held = (double)state->held,
            .round_trips = state->round_trips,
            .wins = state->wins,
            .days = {space->daily + (base - first) * task->days, 1},
        };
        write_row(task, base, &final);
    }
}

/* The whole bitsets of bases `group` up to `end`. */
static void make_bitsets(const Task *task, Workspace *space, int64_t group, int64_t end)
{
    if (task->bank) {
        for (int64_t base = group; base < end; base++) {
            uint64_t *words = space->words + (base - group) * 2 * task->words;
            agree(task, base, 0, task->words, words, words + task->words);
        }
        return;
    }
    space->tile->day = 0;
    memset(space->crosses.sums, 0, (size_t)space->crosses.count * sizeof(double));
    for (int64_t from = 0; from < task->length; from += TILE) {
        move_tile(task, space, from);
        for (int64_t base = group; base < end; base++) {
            uint64_t *words = space->words + (base - group) * 2 * task->words;
            tile_signals(task, space, base, words + from / WORD_BITS,
                         words + task->words + from / WORD_BITS);
        }
    }
}

static void run_all_lanes(const Task *task, Workspace *space, int64_t first, int64_t stop)
{
    for (int64_t group = first; group < stop; group += space->bases_at_once) {
        int64_t end = earlier(group + space->bases_at_once, stop);
        make_bitsets(task, space, group, end);
        for (int64_t base = group; base < end; base++) {
            const uint64_t *words = space->words + (base - group) * 2 * task->words;
            int64_t count = find_edges(task, base, words, words + task->words, space->edges);
            run_lanes(task, &space->lanes, space->edges, count, space->stops, space->entered);
            write_lanes(task, base, &space->lanes);
        }
    }
}

/* Evaluates bases `first` up to `stop`. Returns 0, or -1 if memory could not be allocated. */
EXPORT int64_t bowline_evaluate(const Task *task, int64_t first, int64_t stop)
{
    Workspace space = {0};
    int ready = allocate_workspace(task, &space, first, stop);
    if (ready) {
        space.tile->day = 0;
        (has_stops(task) ? run_all_lanes : simulate_all)(task, &space, first, stop);
    }
    free_workspace(&space);
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
