/* hgo_cpython.c: object scripts on a real CPython, 3.11 to 3.15, through its C API; hgo_cpython_gc.h has what
 * differs between them.
 *
 * The script's objects must be the only ones that the collector sees, or its counts and its 25 % rule would
 * tell of the interpreter's own. Freezing those would not do: the script's own "unfreeze" would bring them
 * back. So every object that the interpreter tracks is untracked once, then a full collection sets all counts
 * to 0 and empties the free lists.
 *
 * Nothing here may make a container of its own while a script runs (an argument tuple would be counted): the
 * collector's state is read from its structures, and its functions are called by vectorcall.
 *
 * A node is what a class with __slots__ (and __weakref__) makes: one counted allocation, slots dropped in
 * order, its deallocation step for step that of such a class. "fin" and "del" change the node's type to one
 * that has tp_finalize or tp_del, as an assignment to __class__ does. */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE 1
#include <Python.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pystate.h>

#include "hgo_cpython.h"
#include "hgo_cpython_gc.h"

#include <errno.h>

#define VERSION_TEXT_(major, minor) #major "." #minor
#define VERSION_TEXT(major, minor)  VERSION_TEXT_(major, minor)
const char hgo_cpython_version[] = VERSION_TEXT(PY_MAJOR_VERSION, PY_MINOR_VERSION);
const char hgo_cpython_release[] = PY_VERSION;

struct node {
    PyObject_VAR_HEAD PyObject *weakrefs;
    uint32_t revive; /* root into which the finaliser puts the node, or OBJSCRIPT_NO_ROOT */
    PyObject *slot[];
};

static PyObject **roots;
static uint64_t finalised, callbacks;
static PyObject *collect, *freeze, *unfreeze, *callback;

/* A new value first, then the old one is dropped. Takes the reference. */
static void root_set(uint32_t r, PyObject *value)
{
    PyObject *old = roots[r];
    roots[r] = value;
    Py_DECREF(old);
}

static int node_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct node *n = (struct node *)self;
    for (Py_ssize_t i = 0; i < Py_SIZE(n); i++)
        Py_VISIT(n->slot[i]);
    return 0;
}

static int node_clear(PyObject *self)
{
    struct node *n = (struct node *)self;
    for (Py_ssize_t i = 0; i < Py_SIZE(n); i++)
        Py_CLEAR(n->slot[i]);
    return 0;
}

static void node_finalize(PyObject *self)
{
    struct node *n = (struct node *)self;
    finalised++;
    if (n->revive != OBJSCRIPT_NO_ROOT)
        root_set(n->revive, Py_NewRef(self));
}

/* No resurrection: a real one would hold a reference for its time. */
static void node_del(PyObject *self)
{
    (void)self;
    finalised++;
}

static void node_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct node *n = (struct node *)self;
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, node_dealloc) if (type->tp_finalize)
    {
        PyObject_GC_Track(self);
        if (PyObject_CallFinalizerFromDealloc(self) < 0)
            goto revived;
        PyObject_GC_UnTrack(self);
    }
    if (n->weakrefs)
        PyObject_ClearWeakRefs(self);
    if (type->tp_del) {
        PyObject_GC_Track(self);
        type->tp_del(self);
        PyObject_GC_UnTrack(self);
    }
    node_clear(self);
    type->tp_free(self);
revived:
    Py_TRASHCAN_END
}

static PyTypeObject node_type = {
    PyVarObject_HEAD_INIT(NULL, 0) /**/
        .tp_name = "hgo.node",
    .tp_basicsize = sizeof(struct node),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = node_dealloc,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_weaklistoffset = offsetof(struct node, weakrefs),
    .tp_free = PyObject_GC_Del,
};

static PyTypeObject node_fin_type = {
    PyVarObject_HEAD_INIT(NULL, 0) /**/
        .tp_name = "hgo.node_fin",
    .tp_basicsize = sizeof(struct node),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = node_dealloc,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_finalize = node_finalize,
    .tp_weaklistoffset = offsetof(struct node, weakrefs),
    .tp_free = PyObject_GC_Del,
};

static PyTypeObject node_del_type = {
    PyVarObject_HEAD_INIT(NULL, 0) /**/
        .tp_name = "hgo.node_del",
    .tp_basicsize = sizeof(struct node),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = node_dealloc,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
    .tp_del = node_del,
    .tp_weaklistoffset = offsetof(struct node, weakrefs),
    .tp_free = PyObject_GC_Del,
};

static bool is_node(PyObject *o)
{
    return Py_IS_TYPE(o, &node_type) || Py_IS_TYPE(o, &node_fin_type) || Py_IS_TYPE(o, &node_del_type);
}

static PyObject *weak_callback(PyObject *self, PyObject *ref)
{
    (void)self, (void)ref;
    callbacks++;
    Py_RETURN_NONE;
}
static PyMethodDef weak_callback_def = {"callback", weak_callback, METH_O, NULL};

static PyObject *node_new(uint32_t slots)
{
    struct node *n = PyObject_GC_NewVar(struct node, &node_type, slots);
    if (!n)
        return NULL;
    n->weakrefs = NULL;
    n->revive = OBJSCRIPT_NO_ROOT;
    for (uint32_t i = 0; i < slots; i++)
        n->slot[i] = Py_NewRef(Py_None);
    PyObject_GC_Track(n);
    return (PyObject *)n;
}

static const char *holds(PyObject *o)
{
    return o == Py_None            ? "None"
           : PyLong_Check(o)       ? "an int"
           : PyFloat_Check(o)      ? "a float"
           : PyUnicode_Check(o)    ? "a str"
           : PyTuple_Check(o)      ? "a tuple"
           : PyList_Check(o)       ? "a list"
           : PyDict_Check(o)       ? "a dict"
           : PyWeakref_CheckRef(o) ? "a weak reference"
                                   : "a node";
}

static void count_tracked(PyGC_Head *head, struct objscript_stat *stat)
{
    for (PyGC_Head *g = _PyGCHead_NEXT(head); g != head; g = _PyGCHead_NEXT(g)) {
        PyObject *o = (PyObject *)(g + 1);
        stat->tracked_list += PyList_Check(o);
        stat->tracked_dict += PyDict_Check(o);
        stat->tracked_tuple += PyTuple_Check(o);
        stat->tracked_node += is_node(o);
        stat->tracked_weak += PyWeakref_CheckRef(o);
    }
}

static void read_stat(struct objscript_stat *stat)
{
    struct _gc_runtime_state *gc = gc_state();
    *stat = (struct objscript_stat){.finalised = finalised, .callbacks = callbacks};
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        stat->counts[i] = gc->generations[i].count;
        const struct gc_generation_stats *of = gc_latest_stats(i);
        stat->collections[i] = (uint64_t)of->collections;
        stat->collected[i] = (uint64_t)of->collected;
        stat->uncollectable[i] = (uint64_t)of->uncollectable;
        count_tracked(&gc->generations[i].head, stat);
    }
    count_tracked(&gc->permanent_generation.head, stat);
}

int hgo_cpython_start(struct message *m)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.install_signal_handlers = 0;
    const char *home = getenv("PYTHONHOME"); /* of one that is not installed */
    PyStatus status = home ? PyConfig_SetBytesString(&config, &config.home, home) : PyStatus_Ok();
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        return message_set(m, -EIO, "python does not start: %s", status.err_msg ? status.err_msg : "?");
    if (PyType_Ready(&node_type) || PyType_Ready(&node_fin_type) || PyType_Ready(&node_del_type))
        return message_set(m, -EIO, "the node type is refused");
    PyObject *module = PyImport_ImportModule("gc");
    PyObject *get_objects = module ? PyObject_GetAttrString(module, "get_objects") : NULL;
    collect = module ? PyObject_GetAttrString(module, "collect") : NULL;
    freeze = module ? PyObject_GetAttrString(module, "freeze") : NULL;
    unfreeze = module ? PyObject_GetAttrString(module, "unfreeze") : NULL;
    callback = PyCFunction_New(&weak_callback_def, NULL);
    PyObject *all = get_objects ? PyObject_CallNoArgs(get_objects) : NULL;
    if (!collect || !freeze || !unfreeze || !callback || !all)
        return message_set(m, -EIO, "python's gc module does not answer");
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all); i++)
        PyObject_GC_UnTrack(PyList_GET_ITEM(all, i));
    Py_DECREF(all);
    PyGC_Collect();
    gc_forget();
    struct _gc_runtime_state *gc = gc_state();
    if (gc->long_lived_total || gc->long_lived_pending || gc->generations[0].count)
        return message_set(m, -EIO, "python's collector still sees %zd objects", gc->long_lived_total);
    return 0;
}

/* What an operation on a container did: 0, or the fault's message is made. */
struct run {
    const struct objscript *s;
    const struct objscript_step *at;
    struct message *m;
};

static int fault(struct run *r, uint32_t root, const char *needs)
{
    return objscript_fault(r->s, r->at, r->m, root, holds(roots[root]), needs);
}

static int no_memory(struct run *r)
{
    return message_set(r->m, -ENOMEM, "%s:%u: no memory", r->s->name, r->at->line);
}

static int make(struct run *r)
{
    const struct objscript_step *at = r->at;
    PyObject *o = NULL;
    switch ((enum objscript_op)at->op) {
    case OBJSCRIPT_INT:
        o = PyLong_FromLongLong(at->value.integer);
        break;
    case OBJSCRIPT_FLOAT:
        o = PyFloat_FromDouble(at->value.real);
        break;
    case OBJSCRIPT_STR:
        o = PyUnicode_New(at->number, 127);
        if (o && at->number)
            memset(PyUnicode_DATA(o), 'x', at->number);
        break;
    case OBJSCRIPT_TUPLE:
        o = PyTuple_New(at->number);
        for (uint32_t i = 0; o && i < at->number; i++)
            PyTuple_SET_ITEM(o, i, Py_NewRef(roots[r->s->items[at->first + i]]));
        break;
    case OBJSCRIPT_LIST:
        o = PyList_New(0);
        break;
    case OBJSCRIPT_DICT:
        o = PyDict_New();
        break;
    case OBJSCRIPT_NODE:
        o = node_new(at->number);
        break;
    case OBJSCRIPT_WEAK:
    case OBJSCRIPT_REF:
        if (!is_node(roots[at->other]))
            return fault(r, at->other, "a node");
        o = PyWeakref_NewRef(roots[at->other], at->op == OBJSCRIPT_WEAK ? callback : NULL);
        break;
    default:
        break;
    }
    if (!o)
        return no_memory(r);
    root_set(at->root, o);
    return 0;
}

static int set_item(struct run *r)
{
    PyObject *o = roots[r->at->root], *value = roots[r->at->other];
    uint32_t i = r->at->number;
    if (PyList_Check(o)) {
        if (i >= PyList_GET_SIZE(o))
            return objscript_fault_index(r->s, r->at, r->m, (uint64_t)PyList_GET_SIZE(o));
        PyList_SetItem(o, i, Py_NewRef(value));
    } else if (is_node(o)) {
        struct node *n = (struct node *)o;
        if (i >= Py_SIZE(n))
            return objscript_fault_index(r->s, r->at, r->m, (uint64_t)Py_SIZE(n));
        Py_XSETREF(n->slot[i], Py_NewRef(value));
    } else {
        return fault(r, r->at->root, "a list or a node");
    }
    return 0;
}

static int get_item(struct run *r)
{
    PyObject *o = roots[r->at->other], *value = NULL;
    uint32_t i = r->at->number;
    if (!PyList_Check(o) && !PyTuple_Check(o) && !is_node(o))
        return fault(r, r->at->other, "a list, a tuple or a node");
    if (i >= Py_SIZE(o))
        return objscript_fault_index(r->s, r->at, r->m, (uint64_t)Py_SIZE(o));
    value = PyList_Check(o)    ? PyList_GET_ITEM(o, i)
            : PyTuple_Check(o) ? PyTuple_GET_ITEM(o, i)
                               : ((struct node *)o)->slot[i];
    /* a slot that the collector has cleared is empty: Python would raise AttributeError; it reads as None */
    root_set(r->at->root, Py_NewRef(value ? value : Py_None));
    return 0;
}

static int put_item(struct run *r)
{
    PyObject *o = roots[r->at->root];
    if (!PyDict_Check(o))
        return fault(r, r->at->root, "a dict");
    PyObject *key = PyUnicode_FromString(r->s->keys + r->at->first);
    if (!key)
        return no_memory(r);
    int err = 0;
    if (r->at->op == OBJSCRIPT_PUT)
        err = PyDict_SetItem(o, key, roots[r->at->other]) ? no_memory(r) : 0;
    else if (PyDict_DelItem(o, key))
        err = objscript_fault_key(r->s, r->at, r->m);
    Py_DECREF(key);
    return err;
}

static int set_finaliser(struct run *r)
{
    PyObject *o = roots[r->at->root];
    if (!is_node(o))
        return fault(r, r->at->root, "a node");
    bool del = r->at->op == OBJSCRIPT_DEL;
    Py_SET_TYPE(o, del ? &node_del_type : &node_fin_type);
    ((struct node *)o)->revive = del ? OBJSCRIPT_NO_ROOT : r->at->other;
    return 0;
}

static int use(struct run *r)
{
    const struct objscript_step *at = r->at;
    PyObject *o = at->root == OBJSCRIPT_NO_ROOT ? NULL : roots[at->root], *result = NULL;
    switch ((enum objscript_op)at->op) {
    case OBJSCRIPT_APPEND:
        if (!PyList_Check(o))
            return fault(r, at->root, "a list");
        return PyList_Append(o, roots[at->other]) ? no_memory(r) : 0;
    case OBJSCRIPT_POP:
        if (!PyList_Check(o))
            return fault(r, at->root, "a list");
        if (PyList_GET_SIZE(o) == 0)
            return objscript_fault(r->s, at, r->m, at->root, "an empty list", "an item");
        return PyList_SetSlice(o, PyList_GET_SIZE(o) - 1, PyList_GET_SIZE(o), NULL) ? no_memory(r) : 0;
    case OBJSCRIPT_SET:
        return set_item(r);
    case OBJSCRIPT_GET:
        return get_item(r);
    case OBJSCRIPT_PUT:
    case OBJSCRIPT_UNPUT:
        return put_item(r);
    case OBJSCRIPT_COPY:
        root_set(at->root, Py_NewRef(roots[at->other]));
        return 0;
    case OBJSCRIPT_DROP:
        root_set(at->root, Py_NewRef(Py_None));
        return 0;
    case OBJSCRIPT_FIN:
    case OBJSCRIPT_DEL:
        return set_finaliser(r);
    case OBJSCRIPT_COLLECT:
        result = PyObject_CallOneArg(collect, PyLong_FromLong((long)at->number));
        break;
    case OBJSCRIPT_FREEZE:
        result = PyObject_CallNoArgs(freeze);
        break;
    case OBJSCRIPT_UNFREEZE:
        result = PyObject_CallNoArgs(unfreeze);
        break;
    case OBJSCRIPT_THRESHOLD:
        for (int i = 0; i < NUM_GENERATIONS; i++)
            gc_state()->generations[i].threshold = at->value.threshold[i];
        return 0;
    case OBJSCRIPT_DISABLE:
        PyGC_Disable();
        return 0;
    case OBJSCRIPT_ENABLE:
        PyGC_Enable();
        return 0;
    default:
        return make(r);
    }
    if (!result)
        return no_memory(r);
    Py_DECREF(result);
    return 0;
}

int hgo_cpython_run(const struct objscript *s, hgo_emit *emit, void *arg, struct message *m)
{
    roots = PyMem_RawMalloc((s->roots + 1) * sizeof *roots);
    if (!roots)
        return message_set(m, -ENOMEM, "%s: no memory", s->name);
    for (uint32_t i = 0; i < s->roots; i++)
        roots[i] = Py_NewRef(Py_None);
    finalised = callbacks = 0;
    for (uint32_t i = 0; i < s->step_count; i++) {
        struct run r = {s, &s->step[i], m};
        if (r.at->op == OBJSCRIPT_STAT) {
            struct objscript_stat stat;
            char line[OBJSCRIPT_STAT_MAX];
            read_stat(&stat);
            objscript_stat_print(&stat, line, sizeof line);
            emit(arg, line);
            continue;
        }
        int err = use(&r);
        if (err)
            return err;
        gc_safepoint();
    }
    return 0;
}
