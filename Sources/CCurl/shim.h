// SPDX-License-Identifier: Apache-2.0
#ifndef IES_CURL_SHIM_H
#define IES_CURL_SHIM_H

#define CURL_STRICTER  // CURL and CURLM become distinct incomplete types instead of void
#include <curl/curl.h>

static inline CURLcode ies_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

#endif
