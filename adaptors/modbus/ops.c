/* ops.c - orderOfOperations. */
#include "modbus/ops.h"

static bool as_double(const struct dl_value *v, double *ret)
{
        switch (v->type) {
        case DL_INT:
                *ret = (double)v->as.i;
                return true;
        case DL_UINT:
                *ret = (double)v->as.u;
                return true;
        case DL_REAL32:
        case DL_REAL:
                *ret = v->as.r;
                return true;
        default:
                return false;
        }
}

bool ops_apply(const struct op *ops, size_t n, const struct dl_value *v, double *ret)
{
        double x;

        if (!as_double(v, &x))
                return false;
        for (size_t i = 0; i < n; i++) {
                switch (ops[i].kind) {
                case OP_ADD:
                        x += ops[i].operand;
                        break;
                case OP_SUBTRACT:
                        x -= ops[i].operand;
                        break;
                case OP_MULTIPLY:
                        x *= ops[i].operand;
                        break;
                case OP_DIVIDE:
                        x /= ops[i].operand;
                        break;
                }
        }
        *ret = x;
        return true;
}
