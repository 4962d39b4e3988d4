// What Swift needs of nghttp3.
#pragma once
#include <nghttp3/nghttp3.h>
