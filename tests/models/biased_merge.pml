/* biased_merge.pml: the counts of one object under biased counting (gc/rc/rc_biased.h, gc/runtime/biased.c): the owner, another thread that
 * was given references, the queue to the owner, the owner's leaving.
 *
 * Every reference is in somebody's hands: `hand[t]`. Checked: the object is freed exactly once, when no reference is
 * left, and nobody touches it afterwards; at the end nothing is left behind.
 * FAULT: rc_merge writes local and tid after it has made the count public (CPython gh-119999), so that another
 * thread may have freed the object by then: spin must find the touch. */
#define OWNER 0
#define OTHER 1
#define DEFAULT 0
#define WEAK 1
#define QUEUED 2
#define MERGED 3

byte hand[2];
bool owned = true; /* tid */
byte near;        /* the owner's count (local) */
short count;       /* shared, its count */
byte tag = DEFAULT; /* shared, its state */
bool queue;        /* the object lies in the owner's queue */
bool registered = true;
bool freed;

inline touch() { assert(!freed) }
inline dealloc() {
    atomic {
        touch();
        assert(hand[OWNER] == 0 && hand[OTHER] == 0);
        freed = true
    }
}

/* shared is one word: its count and state change in one step. */
inline merge() {
    byte mine;
    short total;
    touch();
    mine = near;
#ifndef FAULT
    near = 0;
    owned = false;
#endif
    atomic {
        touch();
        count = count + mine - 1;
        tag = MERGED;
        total = count
    }
#ifdef FAULT
    touch();
    near = 0;
    touch();
    owned = false;
#endif
    if
    :: total == 0 -> dealloc()
    :: else
    fi
}

inline owner_dec() {
    hand[OWNER]--;
    if
    :: owned ->
        near--;
        if
        :: near == 0 ->
            if
            :: atomic { (count == 0 && tag == DEFAULT) -> skip }; dealloc()
            :: atomic { !(count == 0 && tag == DEFAULT) -> owned = false };
                atomic { touch(); tag = MERGED; last = (count == 0) };
                if
                :: last -> dealloc()
                :: else
                fi
            fi
        :: else
        fi
    :: else -> other_like_dec()
    fi
}

/* By a thread that is not the owner (any more). */
inline other_like_dec() {
    atomic {
        touch();
        if
        :: count == 0 && (tag == DEFAULT || tag == WEAK) -> tag = QUEUED; toq = true; last = false
        :: else -> count--; toq = false; last = (tag == MERGED && count == 0)
        fi
    };
    if
    :: toq -> to_queue()
    :: last -> dealloc()
    :: else
    fi
}

/* In the owner's mutex: queued, or merged here when the owner is gone. */
inline to_queue() {
    if
    :: !owned -> merge()
    :: else ->
        atomic { lock == 0 -> lock = 1 };
        if
        :: registered -> queue = true; lock = 0
        :: else -> merge(); lock = 0
        fi
    fi
}

byte lock; /* the mutex of the owner's queue */

inline work_off() {
    atomic { lock == 0 -> lock = 1 };
    todo = queue;
    queue = false;
    lock = 0;
    if
    :: todo -> merge()
    :: else
    fi
}

proctype owner() {
    bool last, toq, todo, none;
    byte steps;
    do
    :: hand[OWNER] > 0 -> owner_dec()
    :: hand[OWNER] > 0 && steps < 2 -> steps++; /* one more, by who has one */
        if
        :: owned -> near++; hand[OWNER]++
        :: else -> atomic { touch(); count++; hand[OWNER]++ }
        fi
    :: work_off()
    :: hand[OWNER] == 0 -> break
    od;
    do /* leaves: works off until nothing is queued, then lets others merge in its place */
    :: work_off();
        atomic { lock == 0 -> lock = 1 };
        none = !queue;
        if
        :: none -> registered = false
        :: else
        fi;
        lock = 0;
        if
        :: none -> break
        :: else
        fi
    od
}

proctype other() {
    bool last, toq, todo;
    byte steps;
    do
    :: hand[OTHER] > 0 -> hand[OTHER]--; other_like_dec()
    :: hand[OTHER] > 0 && steps < 2 -> steps++;
        atomic { touch(); count++; hand[OTHER]++ }
    :: hand[OTHER] > 0 && steps < 2 -> steps++; /* into a shared container: may be looked up without a reference */
        atomic {
            if
            :: tag == DEFAULT -> tag = WEAK
            :: else
            fi
        }
    :: hand[OTHER] == 0 -> break
    od
}

init {
    atomic {
        near = 3; /* all references were made by the owner; two were handed over */
        hand[OWNER] = 1;
        hand[OTHER] = 2;
        run owner();
        run other()
    };
    (_nr_pr == 1);
    assert(freed)
}
