// SPDX-License-Identifier: Apache-2.0
#ifndef IES_CRYPTO_SHIM_H
#define IES_CRYPTO_SHIM_H

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#endif
