// operators.cc: C++'s operators new and delete in every form, called from a program. See kin.c.
#include <cstdlib>
#include <new>

struct alignas(64) wide {
    char bytes[128];
};

int main()
{
    int *one = new int, *ten = new int[10];
    wide *w = new wide, *three = new wide[3];
    void *quiet = ::operator new(100, std::nothrow);
    delete one;
    delete[] ten;
    delete w;
    delete[] three;
    ::operator delete(quiet);
    std::free(std::malloc(5));
    return 0;
}
