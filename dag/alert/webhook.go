package alert

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strconv"
)

// The headers of a webhook. A delivery that is sent again has the same number; the signature is the HMAC-SHA256, under
// the channel's secret, of timestamp, full stop and body.
const (
	deliveryHeader = "X-Terrace-Delivery"
	// idempotencyHeader is the field that gateways and services know by themselves; its value is a string with quotes
	// (draft-ietf-httpapi-idempotency-key-header).
	idempotencyHeader = "Idempotency-Key"
	timestampHeader   = "X-Terrace-Timestamp"
	signatureHeader   = "X-Terrace-Signature"
)

// webhook sends the message as it is kept, one JSON document.
func (s *Sender) webhook(ctx context.Context, c Channel, d delivery) error {
	body := encode(d.message)
	header := map[string]string{deliveryHeader: d.id, idempotencyHeader: `"terrace-` + d.id + `"`}
	maps.Copy(header, c.Headers)
	if c.Secret != "" {
		stamp := strconv.FormatInt(s.Now().Unix(), 10)
		header[timestampHeader] = stamp
		header[signatureHeader] = "sha256=" + webhookSign(stamp, c.Secret, body)
	}
	answer, err := s.post(ctx, c.URL, header, body)
	if err != nil {
		return err
	}
	return answer.refused(s.Now())
}

func webhookSign(stamp, secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
