// SPDX-License-Identifier: Apache-2.0
// Pauses between tries, as in the SDKs of the clouds.
#ifndef XBPIPE_KMS_RETRY_H
#define XBPIPE_KMS_RETRY_H

// Waits for a random part of min(2^n, 20) seconds.
void kms_retry_pause(unsigned n);

#endif
