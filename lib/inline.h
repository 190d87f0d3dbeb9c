/* inline.h -- functions that are part of their caller, even where the compiler saves bytes */
#ifndef PRN_INLINE_H
#define PRN_INLINE_H

#if defined(__GNUC__)
#define PRN_INLINE static inline __attribute__((always_inline))
#else
#define PRN_INLINE static inline
#endif

#endif
