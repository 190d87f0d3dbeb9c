/* inline.h -- functions that are part of their caller, even where the compiler saves bytes
 *
 * Exported C may have some that it does not call. */
#ifndef PRN_INLINE_H
#define PRN_INLINE_H

#if defined(__GNUC__)
#define PRN_INLINE static inline __attribute__((always_inline, unused))
#else
#define PRN_INLINE static inline
#endif

#endif
