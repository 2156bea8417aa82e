/* The grid kernel: many variants of one market, their equity, drawdown and daily Sharpe ratio.
 *
 * This file is compiled once for each instruction set; the Python side loads the best one that the
 * machine has. All of them must give the same bytes: no fast-math, no contraction of a product and
 * a sum into one rounding. It keeps no state, takes no lock and calls no Python, so that threads
 * may run it side by side over different rows.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "edges.h"
#include "lanes.h"
#include "ranges.h"
#include "results.h"
#include "task.h"

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
            .final_equity = open ? lanes->fixed[j] + lanes->quantity[j] * last : lanes->cash[j],
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

/* Rows of bases `first` up to `stop`. 0, or -1 if there was no memory. */
EXPORT int64_t bowline_evaluate(const Task *task, int64_t first, int64_t stop)
{
    int64_t result = -1;
    Lanes lanes = {0};
    uint64_t *words = malloc((size_t)(2 * task->words) * sizeof *words);
    Edge *edges = malloc((size_t)task->length * sizeof *edges);
    Exit *stops = malloc((size_t)(task->sl_count + task->tp_count) * sizeof *stops);
    double *entered = malloc((size_t)task->lanes * sizeof *entered);
    if (words && edges && stops && entered && make_lanes(task, &lanes)) {
        for (int64_t base = first; base < stop; base++) {
            agree(task, base, 0, task->words, words, words + task->words);
            int64_t count = find_edges(task, words, words + task->words, edges);
            run_lanes(task, &lanes, edges, count, stops, entered);
            write_lanes(task, base, &lanes);
        }
        result = 0;
    }
    free_lanes(&lanes);
    free(entered);
    free(stops);
    free(edges);
    free(words);
    return result;
}

/* Python finds and loads the library as a module; the functions are called through ctypes. */
#define JOINED(a, b) a##b
#define MODULE_INIT(name) JOINED(PyInit_, name)

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "kernel", NULL, -1, NULL};

PyMODINIT_FUNC MODULE_INIT(BOWLINE_KERNEL_NAME)(void) { return PyModule_Create(&definition); }
