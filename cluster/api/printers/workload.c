/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

const struct printer workload_printers[] = {{NULL, NULL}};
