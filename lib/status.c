/* status.c -- names of outcomes, and the version
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/base.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static const char *const sentences[] = {
    [-PRUNE_OK] = "success",
    [-PRUNE_E_ARGUMENT] = "invalid argument",
    [-PRUNE_E_MEMORY] = "out of memory",
    [-PRUNE_E_SHAPE] = "shapes do not match",
    [-PRUNE_E_SIZE] = "a size is zero",
    [-PRUNE_E_OVERFLOW] = "a size overflows",
    [-PRUNE_E_LIMIT] = "a limit is exceeded",
    [-PRUNE_E_RANGE] = "a value is out of range",
    [-PRUNE_E_TYPE] = "wrong data type",
    [-PRUNE_E_READONLY] = "tensor is read-only",
    [-PRUNE_E_EMPTY] = "no data",
    [-PRUNE_E_NO_LAYERS] = "model has no layers",
    [-PRUNE_E_NONFINITE] = "NaN or infinity",
    [-PRUNE_E_LABEL] = "label out of range",
    [-PRUNE_E_STATE] = "called in the wrong order, or what it was made for has changed",
    [-PRUNE_E_DIVERGED] = "training diverged",
    [-PRUNE_E_COLLAPSE] = "a layer would lose too much",
    [-PRUNE_E_MASK] = "a removed weight is not zero",
    [-PRUNE_E_UNSUPPORTED] = "not supported by this build",
    [-PRUNE_E_VERSION] = "made for a newer version",
    [-PRUNE_E_FORMAT] = "not a valid libprune file",
    [-PRUNE_E_TRUNCATED] = "file has the wrong length",
    [-PRUNE_E_CHECKSUM] = "file is damaged",
    [-PRUNE_E_IO] = "input or output failed",
    [-PRUNE_E_SPACE] = "no space left on device",
    [-PRUNE_E_SINGULAR] = "equations are singular",
    [-PRUNE_E_DISAGREE] = "models or ranks disagree",
    [-PRUNE_E_UNCONFIRMED] = "not confirmed on other data",
};

const char *prune_status_string(prune_status status)
{
    const int32_t count = (int32_t)(sizeof sentences / sizeof sentences[0]);
    if (status > 0 || status <= -count)
        return "unknown status";
    return sentences[-status];
}

const char *prune_version_string(void)
{
    return TEXT(PRUNE_VERSION_MAJOR) "." TEXT(PRUNE_VERSION_MINOR) "." TEXT(PRUNE_VERSION_PATCH);
}

int32_t prune_version_number(void)
{
    return PRUNE_VERSION_MAJOR * 10000 + PRUNE_VERSION_MINOR * 100 + PRUNE_VERSION_PATCH;
}
