/* object.h: a function of one certain loaded object, whoever else has one of that name. dlsym answers for a
 * scope, and dlopen, which would give the object's own, runs constructors: before the C library's have run that
 * spoils the process. Nothing here allocates. */
#ifndef HG_ALLOC_BASE_OBJECT_H
#define HG_ALLOC_BASE_OBJECT_H

/* Function `name` of the first object that has it and whose file is called `file` (NULL: any) and that has
 * `beside` as well (NULL: nothing). NULL when there is none. */
void *object_function(const char *file, const char *beside, const char *name);

#endif
