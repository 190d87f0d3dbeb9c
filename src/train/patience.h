/* patience.h (private) -- which epoch is the best, and for how long none has been better */
#ifndef PRN_PATIENCE_H
#define PRN_PATIENCE_H

#include "libprune/base.h"

typedef struct prn_patience {
    int32_t higher; /* is better */
    uint64_t most;  /* epochs to wait, 0: any number */
    double min_delta;
    int32_t has_best;
    double best;      /* of all epochs */
    double reference; /* of the last epoch that was better by more than min_delta; NaN before there is one */
    uint64_t waited;  /* epochs since then */
} prn_patience;

/* Starts waiting anew; with `best` the best epoch is forgotten, too. */
void prn_patience_restart(prn_patience *patience, int32_t best);

/* One more epoch; 1 if it is the best so far: the first one, or better than all before it. */
int32_t prn_patience_take(prn_patience *patience, double value);

/* 1 when it is time to stop. */
int32_t prn_patience_is_out(const prn_patience *patience);

#endif
