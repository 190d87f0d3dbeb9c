/* crc.h -- CRC-32, reflected polynomial EDB88320 (zlib's, PNG's) */
#ifndef PRN_CRC_H
#define PRN_CRC_H

#include "libprune/base.h"

/* The checksum of what `crc` stands for followed by bytes[count]; crc is 0 for nothing yet. */
uint32_t prn_crc32(uint32_t crc, const void *bytes, size_t count);

#endif
