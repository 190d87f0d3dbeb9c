/* bytes.c -- files in memory: written and read by the library, looked at and altered by tests
 *
 * SPDX-License-Identifier: MIT */
#include "bytes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void resize(bytes_file *file, size_t length)
{
    file->at = realloc(file->at, length + 1);
    ck_assert_ptr_nonnull(file->at);
    file->length = length;
}

static prune_status write_bytes(void *user, const void *bytes, size_t count)
{
    bytes_file *file = user;
    if (++file->calls == file->fail_call)
        return file->refusal;
    const size_t before = file->length;
    resize(file, before + count);
    memcpy(file->at + before, bytes, count);
    return PRUNE_OK;
}

static size_t read_bytes(void *user, uint64_t offset, void *bytes, size_t count)
{
    bytes_file *file = user;
    const int32_t fails = ++file->calls == file->fail_call;
    ck_assert_msg(offset <= file->length && count <= file->length - offset, "read beyond the end");
    memcpy(bytes, file->at + offset, count);
    if (file->rot_call != 0 && file->calls >= file->rot_call)
        ((unsigned char *)bytes)[count - 1] ^= 0x10;
    return fails ? count - 1 : count;
}

prune_writer bytes_writer(bytes_file *file)
{
    return (prune_writer){ write_bytes, file };
}

prune_reader bytes_reader(bytes_file *file)
{
    return (prune_reader){ read_bytes, file, file->length };
}

void bytes_set(bytes_file *file, const void *bytes, size_t length)
{
    resize(file, length);
    memcpy(file->at, bytes, length);
}

void bytes_copy(bytes_file *to, const bytes_file *from)
{
    bytes_set(to, from->at, from->length);
    to->calls = 0;
}

void bytes_end(bytes_file *file)
{
    free(file->at);
    *file = (bytes_file){ 0 };
}

uint64_t bytes_get(const bytes_file *file, size_t offset, size_t width)
{
    uint64_t value = 0;
    ck_assert_uint_le(offset + width, file->length);
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)file->at[offset + i] << 8 * i;
    return value;
}

void bytes_put(bytes_file *file, size_t offset, size_t width, uint64_t value)
{
    ck_assert_uint_le(offset + width, file->length);
    for (size_t i = 0; i < width; i++)
        file->at[offset + i] = (unsigned char)(value >> 8 * i & 0xff);
}

static size_t sections(const bytes_file *file)
{
    return (size_t)bytes_get(file, 12, 4);
}

static size_t entry(size_t index)
{
    return BYTES_START + index * BYTES_ENTRY;
}

size_t bytes_header(const bytes_file *file)
{
    return entry(sections(file)) + BYTES_CRC;
}

size_t bytes_entry(const bytes_file *file, const char id[4])
{
    for (size_t i = 0; i < sections(file); i++)
        if (memcmp(file->at + entry(i), id, 4) == 0)
            return entry(i);
    return 0;
}

/* Where the payload of the section `index` begins. */
static size_t payload(const bytes_file *file, size_t index)
{
    size_t offset = bytes_header(file);
    for (size_t i = 0; i < index; i++)
        offset += (size_t)bytes_get(file, entry(i) + 8, 8);
    return offset;
}

size_t bytes_payload(const bytes_file *file, const char id[4])
{
    const size_t found = bytes_entry(file, id);
    return found == 0 ? 0 : payload(file, (found - BYTES_START) / BYTES_ENTRY);
}

static void make_room(bytes_file *file, size_t offset, size_t count)
{
    const size_t behind = file->length - offset;
    resize(file, file->length + count);
    memmove(file->at + offset + count, file->at + offset, behind);
    memset(file->at + offset, 0x5A, count);
}

void bytes_insert(bytes_file *file, size_t index, const char id[4], uint32_t flags, size_t length)
{
    make_room(file, payload(file, index), length);
    make_room(file, entry(index), BYTES_ENTRY);
    bytes_put(file, 12, 4, sections(file) + 1);
    memset(file->at + entry(index), 0, BYTES_ENTRY);
    memcpy(file->at + entry(index), id, 4);
    bytes_put(file, entry(index) + 4, 4, flags);
    bytes_put(file, entry(index) + 8, 8, length);
    bytes_repair(file);
}

static uint32_t crc32(const unsigned char *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < count * 8; i++) {
        crc ^= i % 8 == 0 ? bytes[i / 8] : 0;
        crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

void bytes_repair(bytes_file *file)
{
    bytes_put(file, 16, 8, file->length);
    for (size_t i = 0; i < sections(file); i++) {
        const size_t begin = payload(file, i);
        const uint64_t length = bytes_get(file, entry(i) + 8, 8);
        if (begin <= file->length && length <= file->length - begin)
            bytes_put(file, entry(i) + 16, 4, crc32(file->at + begin, (size_t)length));
    }
    bytes_put(file, bytes_header(file) - BYTES_CRC, 4, crc32(file->at, bytes_header(file) - BYTES_CRC));
}
