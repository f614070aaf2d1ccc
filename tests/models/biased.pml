/* biased.pml: biased reference counting (gc/rc/rc_biased.h, gc/runtime/biased.c): one object, its owner and one other thread. Each may add a
 * reference, drop one, and hand one to the other; the owner merges its queue, drops what it has and leaves. Each step is
 * one atomic operation of the C code. Checked: the object is taken apart exactly once, when nobody holds a reference and the
 * queue does not know it, and nobody touches it after that; at the end it has been taken apart.
 *
 * -DFAULT=1: the queue does not ask whether the owner is still there: what is queued after its exit is never freed.
 * -DFAULT=2: a merge forgets the reference that the queue held.
 * -DFAULT=3: the owner at 0 does not look at the others' count. */
#ifndef FAULT
#define FAULT 0
#endif
#define STEPS 4

#define DEFAULT 0
#define QUEUED  2
#define MERGED  3
#define OWNER   1 /* its _pid */

bool owned = true;          /* tid is the owner's */
short own = 1, shared; /* own: the field `local`; shared: the count without its state */
byte state = DEFAULT;
byte mine = 1, theirs;      /* the truth: references that the owner and the other thread hold */
byte queued;                /* entries of the owner's queue */
bool registered = true;     /* the owner comes by its queue; with queued under one mutex */
bool merging;               /* the owner has taken an entry out of its queue */
bool freed;

inline dealloc() {
    atomic {
        assert(!freed);
        assert(mine == 0 && theirs == 0 && queued == 0 && !merging);
        freed = true
    }
}

/* rc_merge: count is what is left. Whoever merged does not look at the object after its last step, unless count is 0. */
inline merge(extra) {
    assert(!freed);
    was = own;
    own = 0;
    owned = false;
    atomic {
        shared = shared + was + extra;
        state = MERGED;
        count = shared;
        if :: _pid == OWNER -> merging = false :: else fi
    }
}

#if FAULT == 2
#define QUEUES_REFERENCE 0
#else
#define QUEUES_REFERENCE (-1)
#endif

inline merge_queue() {
    do
    :: atomic { queued > 0 -> queued--; merging = true }
        merge(QUEUES_REFERENCE);
        if :: count == 0 -> dealloc() :: else fi
    :: atomic { queued == 0 -> break }
    od
}

inline dec_owned() {
    assert(!freed);
    if
    :: owned ->
        /* The reference is given up with the count. */
        atomic { mine--; own-- }
        if
        :: own == 0 ->
#if FAULT == 3
            dealloc()
#else
            if
            :: atomic { shared == 0 && state == DEFAULT -> skip }
                dealloc()
            :: atomic { else -> skip }
                owned = false;
                atomic { state = MERGED; count = shared }
                if :: count == 0 -> dealloc() :: else fi
            fi
#endif
        :: else
        fi
    :: else -> dec_other(mine)
    fi
}

/* rc_dec_shared and biased_queue, by whoever does not own it; whose is the truth that goes down. */
inline dec_other(whose) {
    assert(!freed);
    atomic {
        whose--;
        if
        :: state == DEFAULT && shared == 0 -> state = QUEUED; queues = true; dies = false
        :: else -> shared--; queues = false; dies = (state == MERGED && shared == 0)
        fi
    }
    if
    :: queues ->
        if
        :: !owned -> merge(-1); if :: count == 0 -> dealloc() :: else fi
        :: else ->
            if
            :: atomic { (registered || FAULT == 1) -> queued++ }
            :: atomic { !registered && FAULT != 1 -> skip }
                merge(-1);
                if :: count == 0 -> dealloc() :: else fi
            fi
        fi
    :: else -> if :: dies -> dealloc() :: else fi
    fi
}

/* At the end of all: whoever dropped the last reference has freed it. */
active proctype end() {
    (_nr_pr == 1);
    assert(freed)
}

active proctype owner() {
    short was, count;
    bool queues, dies;
    byte step;
    do
    :: step < STEPS && mine > 0 -> step++;
        if
        :: assert(!freed); if :: owned -> atomic { own++; mine++ } :: else -> atomic { shared++; mine++ } fi
        :: dec_owned()
        :: atomic { mine--; theirs++ } /* handed over: no count changes */
        fi
    :: step < STEPS && queued > 0 -> step++; merge_queue()
    :: mine == 0 -> break
    :: step >= STEPS -> break
    od;
    do
    :: mine > 0 -> dec_owned()
    :: mine == 0 -> break
    od;
    /* Leaves: until the queue is found empty in the mutex. */
    do
    :: atomic { queued == 0 -> registered = false; break }
    :: queued > 0 -> merge_queue()
    od
}

active proctype other() {
    short was, count;
    bool queues, dies;
    byte step;
    do
    :: step < STEPS && theirs > 0 -> step++;
        if
        :: assert(!freed); atomic { shared++; theirs++ }
        :: dec_other(theirs)
        :: atomic { registered && mine > 0 -> theirs--; mine++ } /* handed to an owner that is still at work */
        :: skip
        fi
    :: step >= STEPS -> break
    :: !registered && theirs == 0 -> break
    od;
    do
    :: theirs > 0 -> dec_other(theirs)
    :: theirs == 0 && !registered -> break
    od
}
