package alert

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The most characters that Slack takes in a header and in a section.
const (
	mostSlackHeader  = 150
	mostSlackSection = 3000
)

// slack sends to an incoming webhook: text for notifications, blocks for the channel.
func (s *Sender) slack(ctx context.Context, c Channel, d delivery) error {
	calls := ""
	for _, who := range c.mentioned(d.message) {
		if who == everybody {
			calls += " <!channel>"
		} else {
			calls += " <@" + who + ">"
		}
	}
	body := encode(map[string]any{
		"text": slackEscape(d.message.Title),
		"blocks": []any{
			map[string]any{"type": "header", "text": map[string]any{"type": "plain_text", "text": cut(d.message.Title, mostSlackHeader)}},
			map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": strings.TrimSpace(slackText(c.Language, d.message, mostSlackSection-len(calls)-1) + "\n" + strings.TrimSpace(calls)), "verbatim": true}},
		},
	})
	answer, err := s.post(ctx, c.URL, nil, body)
	if err != nil {
		return err
	}
	if err := answer.refused(s.Now()); err != nil {
		return slackHint(err, string(answer.body))
	}
	if said := strings.TrimSpace(string(answer.body)); said != "ok" {
		return fmt.Errorf("the answer is not Slack's ok: %s", oneLine(said, mostMessage))
	}
	return nil
}

// slackHint says what to do about the words that Slack refuses with.
func slackHint(err error, said string) error {
	var throttled *ThrottledError
	if errors.As(err, &throttled) {
		return err
	}
	hints := map[string]string{
		"no_service":          "the webhook was removed or switched off; make a new one",
		"no_team":             "the workspace of the webhook is gone",
		"invalid_token":       "the url is not whole",
		"channel_not_found":   "the channel of the webhook is gone; make a new webhook",
		"channel_is_archived": "the channel of the webhook is archived",
		"action_prohibited":   "an administrator has restricted the webhook",
	}
	if hint := hints[strings.TrimSpace(said)]; hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

func slackText(in Language, m Message, most int) string {
	return strings.TrimSpace(fit(m.lines(in), slackMarks.line, utf8.RuneCountInString, most))
}

// slackMarks are how Slack's own Markdown marks a line.
var slackMarks = marks{ //nolint:gochecknoglobals // a table
	bold: "*", list: "• ", end: "\n", text: slackEscape,
	within: func(text string) string { return slackEscape(strings.ReplaceAll(text, "*", "∗")) },
	code:   func(text string) string { return slackEscape(strings.ReplaceAll(text, "`", "'")) },
}

// slackEscape escapes what Slack reads as markup: with < it would link, or call everybody.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
