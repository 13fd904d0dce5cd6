package alert

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The most bytes of Markdown that the robots take.
const (
	mostDingTalk = 18_000 // of a body of 20,000
	mostWeCom    = 4096
)

// dingTalk sends to a robot of a DingTalk group. Where the robot wants signatures, the address gets the time in
// milliseconds and the HMAC-SHA256 of time, line feed and secret under the secret.
func (s *Sender) dingTalk(ctx context.Context, c Channel, d delivery) error {
	address, err := url.Parse(c.URL)
	if err != nil {
		return errors.New("its address cannot be read")
	}
	if c.Secret != "" {
		query := address.Query()
		stamp := strconv.FormatInt(s.Now().UnixMilli(), 10)
		query.Set("timestamp", stamp)
		query.Set("sign", dingTalkSign(stamp, c.Secret))
		address.RawQuery = query.Encode()
	}
	document := map[string]any{"msgtype": "markdown"}
	calls := ""
	if who := c.mentioned(d.message); len(who) > 0 {
		// Who is mentioned has to stand in the text as well.
		document["at"] = map[string]any{"atMobiles": who, "isAtAll": slices.Contains(who, everybody)}
		calls = "\n\n@" + strings.Join(who, " @")
	}
	document["markdown"] = map[string]string{
		"title": plainMark(d.message.Title), "text": markdown(c.Language, d.message, "#### ", mostDingTalk-len(calls)) + calls,
	}
	body := encode(document)
	answer, err := s.post(ctx, address.String(), nil, body)
	if err != nil {
		return err
	}
	// Who sends more than twenty in a minute is not heard for ten.
	return answer.robot(s.Now(), map[int]time.Duration{130101: 10 * time.Minute, 302033: 10 * time.Minute, 90030: 10 * time.Minute}, map[int]string{
		310000: "compare secret, keywords and addresses with the robot's security settings",
		300001: "the token in url is no robot's",
		400013: "the group was dissolved",
	})
}

func dingTalkSign(stamp, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "\n" + secret))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// weCom sends to a robot of a WeCom group.
func (s *Sender) weCom(ctx context.Context, c Channel, d delivery) error {
	calls := ""
	for _, who := range c.mentioned(d.message) {
		calls += " <@" + who + ">"
	}
	if calls != "" {
		calls = "\n\n" + strings.TrimSpace(calls)
	}
	body := encode(map[string]any{
		"msgtype":  "markdown",
		"markdown": map[string]string{"content": markdown(c.Language, d.message, "### ", mostWeCom-len(calls)) + calls},
	})
	answer, err := s.post(ctx, c.URL, nil, body)
	if err != nil {
		return err
	}
	return answer.robot(s.Now(), map[int]time.Duration{45009: time.Minute, 45033: time.Minute}, map[int]string{
		93000: "the key in url is no robot's of a group",
		93008: "the robot was removed from its group",
	})
}

// markdown is the message as the robots of groups read it, in so many bytes at most.
func markdown(in Language, m Message, heading string, most int) string {
	title := heading + plainMark(m.Title) + "\n\n"
	measure := func(text string) int { return len(text) }
	return strings.TrimSpace(title + fit(m.lines(in), robotMarks.line, measure, most-len(title)))
}

// robotMarks are how the robots' Markdown marks a line.
var robotMarks = marks{ //nolint:gochecknoglobals // a table
	bold: "**", list: "- ", end: "\n\n", text: plainMark, within: plainMark,
	code: func(text string) string { return strings.ReplaceAll(text, "`", "'") },
}

// plainMark takes the meaning from what is markup there: a message of the database is no link, mention or heading. The
// robots know no escapes, so that look-alikes stand in.
func plainMark(text string) string {
	return strings.NewReplacer("<", "＜", ">", "＞", "[", "［", "]", "］", "*", "∗", "`", "'", "#", "＃", "@", "＠").Replace(text)
}
