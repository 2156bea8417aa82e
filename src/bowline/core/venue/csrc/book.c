/* An order book as two sorted arrays: what `ClearBook` in book.py does, many times faster.
 *
 * `ClearBook` is the authority: for any calls both give the same answers. Nothing here may hold a
 * level that was not told, and nothing reads memory that a caller owns after the call.
 *
 * A side is an array of levels, worst first, so that the best is the last: it changes most, and
 * little is moved. Keys rise: a bid's is its price, an ask's the negative of it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

typedef struct {
    double key;
    double size;
} Level;

typedef struct {
    Level *levels;
    Py_ssize_t count;
    Py_ssize_t room;
} Side;

typedef struct {
    PyObject_HEAD
    PyObject *instrument;
    long long event_ns;
    Side bids;
    Side asks;
} BookObject;

/* Where `key` is, or would be. */
static Py_ssize_t place_of(const Side *side, double key)
{
    const Level *levels = side->levels;
    Py_ssize_t low = 0, high = side->count;
    /* changes cluster at the best prices: look there first */
    if (high > 8 && levels[high - 8].key < key)
        low = high - 7;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (levels[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* 0, or -1 with MemoryError. */
static int put(Side *side, double key, double size)
{
    Py_ssize_t at = place_of(side, key);
    if (at < side->count && side->levels[at].key == key) {
        side->levels[at].size = size;
        return 0;
    }
    if (side->count == side->room) {
        Py_ssize_t room = side->room ? 2 * side->room : 64;
        Level *levels = PyMem_Realloc(side->levels, (size_t)room * sizeof(Level));
        if (levels == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        side->levels = levels;
        side->room = room;
    }
    memmove(side->levels + at + 1, side->levels + at,
            (size_t)(side->count - at) * sizeof(Level));
    side->levels[at].key = key;
    side->levels[at].size = size;
    side->count++;
    return 0;
}

static void take_away(Side *side, double key)
{
    Py_ssize_t at = place_of(side, key);
    if (at == side->count || side->levels[at].key != key)
        return;
    side->count--;
    memmove(side->levels + at, side->levels + at + 1,
            (size_t)(side->count - at) * sizeof(Level));
}

/* Price and size of a level, a tuple of two floats or anything like it; -1 with an exception. */
static int read_level(PyObject *level, double *price, double *size)
{
    if (PyTuple_CheckExact(level) && PyTuple_GET_SIZE(level) == 2 &&
        PyFloat_CheckExact(PyTuple_GET_ITEM(level, 0)) &&
        PyFloat_CheckExact(PyTuple_GET_ITEM(level, 1))) {
        *price = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(level, 0));
        *size = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(level, 1));
    } else {
        PyObject *pair = PySequence_Fast(level, "a level is a price and a size");
        if (pair == NULL)
            return -1;
        if (PySequence_Fast_GET_SIZE(pair) != 2) {
            Py_DECREF(pair);
            PyErr_SetString(PyExc_ValueError, "a level is a price and a size");
            return -1;
        }
        *price = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(pair, 0));
        *size = PyErr_Occurred() ? 0.0 : PyFloat_AsDouble(PySequence_Fast_GET_ITEM(pair, 1));
        Py_DECREF(pair);
        if (PyErr_Occurred())
            return -1;
    }
    if (*price != *price) {
        PyErr_SetString(PyExc_ValueError, "a price is not a number");
        return -1;
    }
    return 0;
}

/* Takes levels; `whole`: only those with a size count. 0, or -1 with an exception. */
static int take_levels(Side *side, PyObject *told, double sign, int whole)
{
    PyObject *levels = PySequence_Fast(told, "levels are a sequence");
    if (levels == NULL)
        return -1;
    int failed = 0;
    /* the list may not shrink under us: reading a level can run a caller's code */
    for (Py_ssize_t i = 0; !failed && i < PySequence_Fast_GET_SIZE(levels); i++) {
        PyObject *level = PySequence_Fast_GET_ITEM(levels, i);
        double price, size;
        Py_INCREF(level);
        failed = read_level(level, &price, &size);
        Py_DECREF(level);
        if (failed)
            break;
        if (size > 0.0)
            failed = put(side, sign * price, size);
        else if (!whole) {
            if (size < 0.0) {
                PyObject *number = PyFloat_FromDouble(size), *at = PyFloat_FromDouble(price);
                if (number != NULL && at != NULL)
                    PyErr_Format(PyExc_ValueError, "size %R at %R: a size is 0 or more", number, at);
                Py_XDECREF(number);
                Py_XDECREF(at);
                failed = -1;
            } else
                take_away(side, sign * price);
        }
    }
    Py_DECREF(levels);
    return failed;
}

static PyObject *take(BookObject *self, PyObject *const *args, Py_ssize_t count, int whole)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "expected bids, asks and event_ns");
        return NULL;
    }
    long long event_ns = PyLong_AsLongLong(args[2]);
    if (event_ns == -1 && PyErr_Occurred())
        return NULL;
    if (whole)
        self->bids.count = self->asks.count = 0;
    if (take_levels(&self->bids, args[0], 1.0, whole) ||
        take_levels(&self->asks, args[1], -1.0, whole))
        return NULL;
    self->event_ns = event_ns;
    Py_RETURN_NONE;
}

static PyObject *book_replace(BookObject *self, PyObject *const *args, Py_ssize_t count)
{
    return take(self, args, count, 1);
}

static PyObject *book_change(BookObject *self, PyObject *const *args, Py_ssize_t count)
{
    return take(self, args, count, 0);
}

static PyObject *pair_of(Level level, double sign)
{
    PyObject *price = PyFloat_FromDouble(sign * level.key), *size = PyFloat_FromDouble(level.size);
    PyObject *pair = price && size ? PyTuple_Pack(2, price, size) : NULL;
    Py_XDECREF(price);
    Py_XDECREF(size);
    return pair;
}

static PyObject *best_of(const Side *side, double sign)
{
    if (side->count == 0)
        Py_RETURN_NONE;
    return pair_of(side->levels[side->count - 1], sign);
}

static PyObject *book_best_bid(BookObject *self, void *unused)
{
    (void)unused;
    return best_of(&self->bids, 1.0);
}

static PyObject *book_best_ask(BookObject *self, void *unused)
{
    (void)unused;
    return best_of(&self->asks, -1.0);
}

static PyObject *book_usable(BookObject *self, void *unused)
{
    (void)unused;
    const Side *bids = &self->bids, *asks = &self->asks;
    return PyBool_FromLong(bids->count && asks->count &&
                           bids->levels[bids->count - 1].key < -asks->levels[asks->count - 1].key);
}

static PyObject *top_of(const Side *side, PyObject *wanted, double sign)
{
    Py_ssize_t depth = PyNumber_AsSsize_t(wanted, PyExc_OverflowError);
    if (depth == -1 && PyErr_Occurred())
        return NULL;
    if (depth < 0 || depth > side->count)
        depth = depth < 0 ? 0 : side->count;
    PyObject *list = PyList_New(depth);
    for (Py_ssize_t i = 0; list != NULL && i < depth; i++) {
        PyObject *pair = pair_of(side->levels[side->count - 1 - i], sign);
        if (pair == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, pair);
    }
    return list;
}

static PyObject *book_bids(BookObject *self, PyObject *depth)
{
    return top_of(&self->bids, depth, 1.0);
}

static PyObject *book_asks(BookObject *self, PyObject *depth)
{
    return top_of(&self->asks, depth, -1.0);
}

static void cut(Side *side, Py_ssize_t depth)
{
    if (side->count <= depth)
        return;
    memmove(side->levels, side->levels + (side->count - depth), (size_t)depth * sizeof(Level));
    side->count = depth;
}

static PyObject *book_keep(BookObject *self, PyObject *wanted)
{
    Py_ssize_t depth = PyNumber_AsSsize_t(wanted, PyExc_OverflowError);
    if (depth == -1 && PyErr_Occurred())
        return NULL;
    depth = depth < 0 ? 0 : depth;
    cut(&self->bids, depth);
    cut(&self->asks, depth);
    Py_RETURN_NONE;
}

static PyObject *book_average(BookObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "expected whether to buy, and a quantity");
        return NULL;
    }
    int buys = PyObject_IsTrue(args[0]);
    double quantity = PyFloat_AsDouble(args[1]);
    if (buys < 0 || (quantity == -1.0 && PyErr_Occurred()))
        return NULL;
    const Side *side = buys ? &self->asks : &self->bids;
    double left = quantity, cost = 0.0;
    for (Py_ssize_t i = side->count - 1; i >= 0; i--) {
        Level level = side->levels[i];
        double taken = level.size < left ? level.size : left;
        cost += taken * (level.key < 0.0 ? -level.key : level.key);
        left -= taken;
        if (left <= 0.0)
            return PyFloat_FromDouble(cost / quantity);
    }
    Py_RETURN_NONE;
}

#define MOST_DECIMALS 15
#define MOST_LEVELS 100
/* digits of 2^53, a point, zeros before them, a sign, a colon */
#define NUMBER_CHARS 40

static const double POWERS[MOST_DECIMALS + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
};

/* Writes a number with so many decimals and a colon; NULL if that would not be certain: it is too
 * large to be exact, or lies between two numbers of so many decimals. */
static char *write_number(char *to, double value, int decimals)
{
    double scaled = value * POWERS[decimals];
    if (!(scaled >= 0.0 && scaled < 9007199254740992.0))
        return NULL;
    unsigned long long whole = (unsigned long long)(scaled + 0.5);
    double off = scaled - (double)whole;
    if (off > 1e-3 || off < -1e-3)
        return NULL;
    char digits[NUMBER_CHARS];
    int count = 0;
    while (whole != 0 || count <= decimals) {
        digits[count++] = (char)('0' + whole % 10);
        whole /= 10;
    }
    while (count > 0) {
        if (count == decimals)
            *to++ = '.';
        *to++ = digits[--count];
    }
    *to++ = ':';
    return to;
}

static char *write_level(char *to, const Side *side, Py_ssize_t at, double sign, const int *decimals)
{
    Level level = side->levels[side->count - 1 - at];
    to = write_number(to, sign * level.key, decimals[0]);
    return to == NULL ? NULL : write_number(to, level.size, decimals[1]);
}

static PyObject *book_by_turns(BookObject *self, PyObject *const *args, Py_ssize_t count)
{
    long told[3];
    for (Py_ssize_t i = 0; i < 3; i++) {
        if (count != 3) {
            PyErr_SetString(PyExc_TypeError, "expected depth, price_decimals and size_decimals");
            return NULL;
        }
        told[i] = PyLong_AsLong(args[i]);
        if (told[i] == -1 && PyErr_Occurred())
            return NULL;
    }
    const int decimals[2] = {(int)told[1], (int)told[2]};
    if (told[0] < 0 || told[0] > MOST_LEVELS || told[1] < 0 || told[1] > MOST_DECIMALS ||
        told[2] < 0 || told[2] > MOST_DECIMALS)
        Py_RETURN_NONE;
    char text[MOST_LEVELS * 4 * NUMBER_CHARS], *to = text;
    for (Py_ssize_t i = 0; i < told[0] && to != NULL; i++) {
        if (i < self->bids.count)
            to = write_level(to, &self->bids, i, 1.0, decimals);
        if (to != NULL && i < self->asks.count)
            to = write_level(to, &self->asks, i, -1.0, decimals);
    }
    if (to == NULL)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(text, to == text ? 0 : to - text - 1);
}

static int book_init(BookObject *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"instrument", NULL};
    PyObject *instrument;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O", names, &instrument))
        return -1;
    Py_INCREF(instrument);
    Py_XSETREF(self->instrument, instrument);
    return 0;
}

static int book_traverse(BookObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->instrument);
    return 0;
}

static int book_clear(BookObject *self)
{
    Py_CLEAR(self->instrument);
    return 0;
}

static void book_dealloc(BookObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    book_clear(self);
    PyMem_Free(self->bids.levels);
    PyMem_Free(self->asks.levels);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"replace", (PyCFunction)(void (*)(void))book_replace, METH_FASTCALL, NULL},
    {"change", (PyCFunction)(void (*)(void))book_change, METH_FASTCALL, NULL},
    {"keep", (PyCFunction)book_keep, METH_O, NULL},
    {"bids", (PyCFunction)book_bids, METH_O, NULL},
    {"asks", (PyCFunction)book_asks, METH_O, NULL},
    {"_by_turns", (PyCFunction)(void (*)(void))book_by_turns, METH_FASTCALL, NULL},
    {"_average", (PyCFunction)(void (*)(void))book_average, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"instrument", T_OBJECT_EX, offsetof(BookObject, instrument), READONLY, NULL},
    {"event_ns", T_LONGLONG, offsetof(BookObject, event_ns), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"best_bid", (getter)book_best_bid, NULL, NULL, NULL},
    {"best_ask", (getter)book_best_ask, NULL, NULL, NULL},
    {"usable", (getter)book_usable, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, book_init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, book_dealloc},
    {Py_tp_traverse, book_traverse},
    {Py_tp_clear, book_clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, properties},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "bowline.core.venue._book.CompiledBook",
    .basicsize = sizeof(BookObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

static int fill_module(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    if (type == NULL)
        return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "bowline.core.venue._book",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__book(void)
{
    return PyModuleDef_Init(&module);
}
