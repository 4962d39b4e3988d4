// What Swift needs of glibc's allocator and does not get with Glibc.
#pragma once
#include <malloc.h>
