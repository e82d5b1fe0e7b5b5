/* state_dir.h - the directory in which an agent keeps what outlives it; one agent at a time.
 *
 * The directory is made (0700) when its parent exists.  Its file `lock` is held with flock(2) for
 * the life of the process and names its pid, so that a second agent is refused and a crash leaves
 * nothing behind.
 */
#ifndef STATE_DIR_H
#define STATE_DIR_H

#include "base/err.h"

/* *ret_fd: the lock, to be kept open.  DL_CONFIG: not usable; DL_REFUSED: another agent has it. */
int state_dir_lock(const char *dir, int *ret_fd, struct err *e);

/* $STATE_DIRECTORY (systemd), else /var/lib/devicelink for root, else below $XDG_STATE_HOME or
 * ~/.local/state, which is made.  For free(). */
char *state_dir_default(void);

#endif
