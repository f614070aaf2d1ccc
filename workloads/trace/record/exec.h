/* exec.h: what a recorded process starts is recorded, too, though it be given another environment. */
#ifndef HG_WORKLOADS_TRACE_RECORD_EXEC_H
#define HG_WORKLOADS_TRACE_RECORD_EXEC_H

/* Remembers the recorder's variables as they are now. Once a process. */
void exec_keep(void);

#endif
