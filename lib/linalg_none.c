/* linalg_none.c -- there is no LAPACK
 *
 * SPDX-License-Identifier: MIT */
#include "linalg.h"

const prn_linalg *prn_linalg_for(const prune_backend *backend)
{
    (void)backend;
    return prn_linalg_reference();
}
