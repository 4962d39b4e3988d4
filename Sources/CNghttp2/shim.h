// What Swift needs of nghttp2.
#pragma once
#include <sys/types.h>
#include <nghttp2/nghttp2.h>
