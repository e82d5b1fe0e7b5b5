/* process.h - child processes of a test: started, watched and ended by pid.
 *
 * A child dies with the thread that started it (PR_SET_PDEATHSIG), so that no test leaves one
 * behind. stdout and stderr go to a file.  Failures end the test with a message (cmocka's
 * fail_msg).
 */
#ifndef RIG_PROCESS_H
#define RIG_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
        pid_t pid; /* 0 = not running */
        char output[256];
};

/* argv ends with NULL; argv[0] is a path or is looked up in PATH. */
void process_start(struct process *p, const char *output_file, const char *const argv[]);
bool process_running(struct process *p);
/* Send a signal by its number (0 = none) and wait; returns the exit code, or 128 + signal.  A child
 * that is still there after within_ms is killed and fails the test. */
int process_end(struct process *p, int number, int within_ms);
/* Kill if running; for teardowns. */
void process_kill(struct process *p);

/* The whole file as text, for free(). */
char *rig_read_file(const char *path);
void rig_write_file(const char *path, const char *text);
/* Wait until the file holds the text; false when within_ms passes. */
bool rig_wait_for_text(const char *path, const char *text, int within_ms);

/* A scratch directory of this test, removed with rig_scratch_remove(); ret has room for 256 bytes.
 */
void rig_scratch_make(char *ret);
void rig_scratch_remove(const char *dir);

/* Somebody listens on 127.0.0.1:port; false when within_ms passes. */
bool rig_wait_for_port(uint16_t port, int within_ms);
uint16_t rig_free_port(void); /* on 127.0.0.1, free a moment ago */
void rig_sleep_ms(int ms);
int64_t rig_now_ms(void); /* monotonic */

#endif
