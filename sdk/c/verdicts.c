/* What weir keeps of the answers of `series`. */
#include "weir_internal.h"

void weir_forget_verdicts(void) { weir_host_verdicts_forget(); }
