/* ops.h - orderOfOperations: arithmetic on a reading, in double, in order.
 *
 * Integers are exact until they are turned into a double, once, at the start.  Division by zero is
 * no error (Inf, NaN).  Pure.  Threads: none shared.
 */
#ifndef MODBUS_OPS_H
#define MODBUS_OPS_H

#include <devicelink/adaptor.h>
#include <stdbool.h>

enum op_kind { OP_ADD = 1, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE };

struct op {
        enum op_kind kind;
        double operand;
};

/* False when v is not a number: booleans and bytes have no operations. */
bool ops_apply(const struct op *ops, size_t n, const struct dl_value *v, double *ret);

#endif
