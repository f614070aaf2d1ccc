// newdelete.cc: every form of operator new and delete, each with a size of its own, and blocks that cross from one
// family to another. Linked against nothing of ours: run under the shim and the recorder. Each failure is a line on
// standard output; the status tells how many.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

static int failures;
#define CHECK(condition)                                        \
    do {                                                        \
        if (!(condition)) {                                     \
            std::printf("line %d: %s\n", __LINE__, #condition); \
            failures++;                                         \
        }                                                       \
    } while (0)

static const std::align_val_t wide{256};
static volatile std::size_t huge = PTRDIFF_MAX / 2;
static void *reserve, *volatile sink;
static int handled;

static void *used(void *p, std::size_t n, std::size_t align = 16)
{
    CHECK(p && reinterpret_cast<std::uintptr_t>(p) % align == 0);
    return std::memset(p, 1, n);
}

static void forms()
{
    ::operator delete(used(::operator new(30001), 30001));
    ::operator delete(used(::operator new(30002), 30002), std::nothrow);
    ::operator delete(used(::operator new(30003), 30003), std::size_t{30003});
    ::operator delete(used(::operator new(30004, std::nothrow), 30004));
    ::operator delete(used(::operator new(30005, wide), 30005, 256), wide);
    ::operator delete(used(::operator new(30006, wide), 30006, 256), wide, std::nothrow);
    ::operator delete(used(::operator new(30007, wide), 30007, 256), 30007, wide);
    ::operator delete(used(::operator new(30008, wide, std::nothrow), 30008, 256), wide);
    ::operator delete[](used(::operator new[](30009), 30009));
    ::operator delete[](used(::operator new[](30010), 30010), std::nothrow);
    ::operator delete[](used(::operator new[](30011), 30011), std::size_t{30011});
    ::operator delete[](used(::operator new[](30012, std::nothrow), 30012));
    ::operator delete[](used(::operator new[](30013, wide), 30013, 256), wide);
    ::operator delete[](used(::operator new[](30014, wide), 30014, 256), wide, std::nothrow);
    ::operator delete[](used(::operator new[](30015, wide), 30015, 256), 30015, wide);
    ::operator delete[](used(::operator new[](30016, wide, std::nothrow), 30016, 256), wide);
    void *p = ::operator new(0), *q = ::operator new(0);
    CHECK(p && q && p != q);
    ::operator delete(p);
    ::operator delete(q);
    ::operator delete(nullptr);
    ::operator delete[](nullptr, std::size_t{8});
}

/* Not C++, but what allocators bear and programs do. */
static void crossing()
{
    std::free(used(::operator new(30017), 30017));
    std::free(used(::operator new[](30018, wide), 30018, 256));
    ::operator delete(used(std::malloc(30019), 30019));
    ::operator delete[](used(std::calloc(3, 10007), 30021));
    ::operator delete(used(std::aligned_alloc(256, 30208), 30208, 256), wide);
}

static void handler()
{
    handled++;
    std::free(reserve);
    reserve = nullptr;
    if (handled == 3)
        std::set_new_handler(nullptr);
}

template <class F> static bool throws(F make)
{
    try {
        make();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static void no_memory()
{
    std::size_t n = huge;
    CHECK(throws([=] { sink = ::operator new(n); }));
    CHECK(throws([=] { sink = ::operator new[](n); }));
    CHECK(throws([=] { sink = ::operator new(n, wide); }));
    CHECK(throws([=] { sink = ::operator new[](n, wide); }));
    CHECK(!::operator new(n, std::nothrow));
    CHECK(!::operator new[](n, std::nothrow));
    CHECK(!::operator new(n, wide, std::nothrow));
    CHECK(!::operator new[](n, wide, std::nothrow));
    reserve = std::malloc(30023);
    std::set_new_handler(handler);
    CHECK(throws([=] { sink = ::operator new(n); }));
    CHECK(handled == 3);
    handled = 2;
    std::set_new_handler(handler);
    CHECK(!::operator new(n, std::nothrow));
    CHECK(handled == 3);
    std::set_new_handler([] { throw std::bad_alloc(); });
    CHECK(!::operator new[](n, std::nothrow));
    CHECK(throws([=] { sink = ::operator new[](n, wide); }));
    std::set_new_handler(nullptr);
}

int main(int argc, char **argv)
{
    forms();
    if (argc > 1 && std::strchr(argv[1], 'x'))
        crossing();
    if (argc > 1 && std::strchr(argv[1], 'h'))
        no_memory();
    std::printf("%d failures\n", failures);
    return failures;
}
