#include "gateway/base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * GW_S + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t gw_clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t gw_clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}
