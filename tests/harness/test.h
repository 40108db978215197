/* Assert macros and the TEST() registry. One program per x_test.c; its main() is in test_main.c and runs every TEST in
 * order of appearance, or those whose name contains argv[1]. A failed check prints file, line and both values, and the
 * test goes on, so one run shows all. */
#ifndef GW_TEST_H
#define GW_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef void (*gw_test_fn)(void);
void gw_test_register(const char *name, gw_test_fn fn);
void gw_test_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Number of failed checks so far in this program. */
unsigned gw_test_failures(void);

#define TEST(name)                                                                                                     \
    static void test_##name(void);                                                                                     \
    __attribute__((constructor)) static void test_register_##name(void)                                                \
    {                                                                                                                  \
        gw_test_register(#name, test_##name);                                                                          \
    }                                                                                                                  \
    static void test_##name(void)

#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            gw_test_fail(__FILE__, __LINE__, "%s", #cond);                                                             \
    } while (0)

#define EQ(a, b)                                                                                                       \
    do {                                                                                                               \
        long long gw_a_ = (long long)(a), gw_b_ = (long long)(b);                                                      \
        if (gw_a_ != gw_b_)                                                                                            \
            gw_test_fail(__FILE__, __LINE__, "%s is %lld, expected %s = %lld", #a, gw_a_, #b, gw_b_);                  \
    } while (0)

#define STR_EQ(a, b)                                                                                                   \
    do {                                                                                                               \
        const char *gw_a_ = (a), *gw_b_ = (b);                                                                         \
        if (!gw_a_ || !gw_b_ || strcmp(gw_a_, gw_b_) != 0)                                                             \
            gw_test_fail(__FILE__, __LINE__, "%s is\n<<%s>>\nexpected\n<<%s>>", #a, gw_a_ ? gw_a_ : "(null)",          \
                         gw_b_ ? gw_b_ : "(null)");                                                                    \
    } while (0)

#define MEM_EQ(a, b, n)                                                                                                \
    do {                                                                                                               \
        if (memcmp((a), (b), (n)) != 0)                                                                                \
            gw_test_fail(__FILE__, __LINE__, "%s and %s differ", #a, #b);                                              \
    } while (0)

/* A gw_span against a C string. */
#define SPAN_EQ(s, text)                                                                                               \
    do {                                                                                                               \
        if ((s).len != strlen(text) || memcmp((s).ptr, (text), (s).len) != 0)                                          \
            gw_test_fail(__FILE__, __LINE__, "%s is <<%.*s>>, expected <<%s>>", #s, (int)(s).len,                      \
                         (const char *)(s).ptr, (text));                                                               \
    } while (0)

#endif
