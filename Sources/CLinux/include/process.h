// What the process as a whole asks of Linux: limits, cores, signals, systemd. Done in process.c.
#pragma once
#include <stdint.h>

// fork() is safe only before any thread is started; Swift marks it unavailable.
int portico_fork(void);

// The soft and hard limit of descriptors; 0 when the system answers.
int portico_get_descriptor_limit(uint64_t *soft, uint64_t *hard);
int portico_set_descriptor_limit(uint64_t soft, uint64_t hard);
// Bytes of address space at most.
int portico_set_memory_limit(uint64_t bytes);

// Cores that the process may run on.
int portico_available_cores(void);
// Keeps the calling thread on the given cores.
int portico_pin_thread(const int32_t *cores, int count);

// A file that has no name and lies in memory: a descriptor that is inherited by children, not by programs that are
// started, and whose writes go to its end; or -1.
int portico_memory_file(const char *name);
// Lets the process keep capabilities when it becomes another user; 0 when the system agrees.
int portico_keep_capabilities(void);
// Leaves the calling thread, and those that it starts, with these capabilities (bit N: number N of capabilities(7)) and no
// others; 0 when the system agrees.
int portico_set_capabilities(uint64_t capabilities);
// Lets the process leave a core file though it has changed its user.
int portico_set_dumpable(void);

// The signals that steer the process: blocked in the calling thread and readable as data. A descriptor, or -1.
int portico_signal_descriptor(void);
// The next signal's number, 0 when none waits.
int portico_next_signal(int fd);

// systemd's notification protocol: one datagram to a Unix socket, whose name may be abstract (`@`).
void portico_notify(const char *path, const char *state);

// Starts a program: its path, its arguments and its environment, each list with a null pointer at its end. It keeps
// descriptors 0 to 2 and no other, and no signal is blocked or ignored. Returns a descriptor of the process, or an error
// number below 0. The process's own number goes to `number`.
int portico_spawn(
    const char *path, char *const * arguments, char *const * environment,
    int *number);
// Whether the process of a descriptor has ended; then it is gone for good. Its exit status goes to `status`, -1 when a
// signal ended it.
int portico_process_ended(int process, int *status);
// Sends a signal to the process of a descriptor.
void portico_process_signal(int process, int signal);

// Replaces the program of this process by another, found as a shell would find it. The process keeps its number, its
// blocked and waiting signals and the descriptors that are not closed by exec. Returns only when it fails: errno.
int portico_replace_program(const char *path, char *const *arguments, char *const *environment);
