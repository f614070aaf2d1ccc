/* sandbox.c: a program that puts itself under a seccomp filter: from then on it may ask for memory, write and end,
 * and any other system call kills it. The third argument is how: prctl, seccomp (for all
 * threads), bare. With "threads" a second thread, made before that, allocates after it for
 * the first time; a thread may also wait for another. With "fork" it may fork. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static pthread_barrier_t barrier;

static void work(long n)
{
    char *held[64] = {0};
    unsigned r = 1;
    for (long i = 0; i < n; i++) {
        r = r * 1664525 + 1013904223;
        unsigned k = (r >> 20) % 64;
        free(held[k]);
        held[k] = malloc(16 + (r >> 8) % 800);
        if (!held[k])
            _exit(3);
        held[k][0] = 1;
    }
    for (unsigned k = 0; k < 64; k++)
        free(held[k]);
}

static void *thread(void *n)
{
    pthread_barrier_wait(&barrier); /* it has begun */
    pthread_barrier_wait(&barrier); /* and is confined */
    work((long)n);
    return NULL;
}

/* By the bare instruction: nobody who stands before the C library sees it. */
static long bare(long n, long a, long b, long c)
{
#ifdef __x86_64__
    long result;
    __asm__ volatile("xor %%r10d, %%r10d; xor %%r8d, %%r8d; syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "r10", "r8", "memory");
    return result;
#else
    register long number __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                         x3 __asm__("x3") = 0, x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(number), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#endif
}

static int confine(const char *by, struct sock_fprog *program)
{
    if (strcmp(by, "bare") == 0)
        return bare(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)program) != 0;
    if (strcmp(by, "seccomp") == 0)
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program) != 0;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0;
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 100000;
    const char *how = argc > 2 ? argv[2] : "";
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_brk),
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_mremap),
        ALLOW(SYS_madvise),
        ALLOW(SYS_mprotect),
        ALLOW(SYS_write),
        ALLOW(SYS_getrandom), /* glibc's malloc, once */
        ALLOW(SYS_exit_group),
        ALLOW(SYS_exit),
        ALLOW(strcmp(how, "threads") == 0 ? SYS_futex : SYS_write),
        ALLOW(strcmp(how, "threads") == 0 ? SYS_rt_sigprocmask : SYS_write),
        ALLOW(strcmp(how, "fork") == 0 ? SYS_clone : SYS_write),
        ALLOW(strcmp(how, "fork") == 0 ? SYS_set_robust_list : SYS_write),
        ALLOW(strcmp(how, "fork") == 0 ? SYS_wait4 : SYS_write),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    pthread_t t;
    if (strcmp(how, "threads") == 0) {
        pthread_barrier_init(&barrier, NULL, 2);
        if (pthread_create(&t, NULL, thread, (void *)n))
            return 2;
        pthread_barrier_wait(&barrier);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || confine(argc > 3 ? argv[3] : "prctl", &program)) {
        perror("seccomp");
        return 77;
    }
    if (strcmp(how, "threads") == 0)
        pthread_barrier_wait(&barrier);
    work(n);
    if (strcmp(how, "threads") == 0)
        pthread_join(t, NULL);
    if (strcmp(how, "fork") == 0) {
        pid_t pid = fork();
        int status = 1;
        if (pid == 0) {
            work(1000);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
            _exit(4);
        work(n);
    }
    if (write(1, "ok\n", 3) != 3)
        _exit(5);
    _exit(0);
}
