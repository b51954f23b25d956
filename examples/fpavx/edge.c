/* Bridges and proxies for fpavx.edl. */
#include "edge.h"

#include "fpavx.h"

EDGE_VALUES(components, uint64_t, , encl_xfrm())
EDGE_VALUES(leibniz, double, uint64_t terms;, leibniz(ms.terms))
EDGE_VALUES(control_words, int, , control_words())
EDGE_VALUES(hold, int, uint64_t seed; uint64_t rounds;, hold(ms.seed, ms.rounds))
EDGE_VALUES(hold_through_exception, int, uint64_t seed;, hold_through_exception(ms.seed))
EDGE_VALUES(x87_through_exception, int, , x87_through_exception())

ECALL_TABLE({components_bridge, 0, 0}, {leibniz_bridge, 0, 0}, {control_words_bridge, 0, 0}, {hold_bridge, 0, 0},
            {hold_through_exception_bridge, 0, 0}, {x87_through_exception_bridge, 0, 0});

OCALL_PRINT_STRING(0)

enum sgx_status ocall_report(double *result, double value) {
  struct ocall call = {0};
  struct {
    double result;
    double value;
  } ms = {0, value};
  enum sgx_status status = ocall_make(&call, 1, &ms, sizeof ms);
  *result = ms.result;
  return status;
}

ENTRY_TABLE(2, 6, {0});
