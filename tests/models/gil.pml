/* gil.pml: the hand-over of the GIL (gc/runtime/gil.c) with two threads that each hold it ROUNDS times. Checked: one holder at
 * a time; a thread that drops the lock because it was asked to does not take it again before another thread had it; nobody
 * waits for ever (spin's invalid end states). The timed wait may time out at any moment.
 *
 * -DFAULT: the dropper does not wait on switch_cond: spin must find that it can take the lock again at once. */
#define THREADS 2 /* signal() names them */
#define ROUNDS  3
#define NOBODY  255

bool mutex, switch_mutex; /* pthread mutexes */
bool locked;
byte last_holder = NOBODY;
byte switches;
bool breaker[THREADS];     /* BREAK_GIL of each thread */
bool waits[THREADS];       /* on cond, in its queue */
bool waits_switch[THREADS]; /* on switch_cond */
byte holders;
bool asked[THREADS];       /* dropped because it was asked to, and nobody else had it since: what is proven */

inline lock(m) { atomic { !m -> m = true } }
inline unlock(m) { m = false }

/* A signal wakes one of those that wait, whichever. */
#define signal(queue)                     \
    atomic {                              \
        if                                \
        :: queue[0] -> queue[0] = false   \
        :: queue[1] -> queue[1] = false   \
        :: else                           \
        fi                                \
    }

inline wait_for_free() {
    do
    :: !locked -> break
    :: else ->
        seen = switches;
        atomic { waits[me] = true; mutex = false }
        if
        :: atomic { !waits[me] -> timed_out = false }                  /* signalled */
        :: atomic { waits[me] -> waits[me] = false; timed_out = true } /* the interval is over */
        fi;
        lock(mutex);
        if
        :: timed_out && locked && switches == seen -> breaker[last_holder] = true
        :: else
        fi
    od
}

inline take() {
    lock(mutex);
    wait_for_free();
    lock(switch_mutex);
    locked = true;
    if
    :: last_holder != me -> last_holder = me; switches++
    :: else
    fi;
    atomic {
        assert(!asked[me]);
        holders++;
        assert(holders == 1);
        i = 0;
        do
        :: i < THREADS -> if :: i != me -> asked[i] = false :: else fi; i++
        :: else -> break
        od
    }
    signal(waits_switch);
    unlock(switch_mutex);
    breaker[me] = false;
    unlock(mutex)
}

inline drop() {
    lock(mutex);
    atomic { holders--; last_holder = me; locked = false }
    signal(waits);
    unlock(mutex);
    if
    :: breaker[me] ->
        lock(switch_mutex);
        if
        :: last_holder == me ->
            breaker[me] = false;
            asked[me] = true;
#ifndef FAULT
            atomic { waits_switch[me] = true; switch_mutex = false }
            !waits_switch[me];
            lock(switch_mutex);
#endif
        :: else
        fi;
        unlock(switch_mutex)
    :: else
    fi
}

active [THREADS] proctype thread() {
    byte me = _pid, seen, i, round;
    bool timed_out;
    do
    :: round < ROUNDS -> take(); drop(); round++
    :: else -> break
    od
}
