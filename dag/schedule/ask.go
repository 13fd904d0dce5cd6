package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// askedMark begins the names under which commands that are no schedule's are kept: no schedule can be called that.
const askedMark = "@"

// Asked is a command that somebody wants now, without a schedule.
type Asked struct {
	Arguments []string
	// By is who asked, as far as is known.
	By string
	// Key tells one asking from another: what is asked for again with the same key is what was asked for before.
	Key string
}

// lane is the name that the command's occurrences share: it never runs beside itself, and beside others it may.
func (a Asked) lane() string { return askedMark + strings.Join(a.Arguments, " ") }

// IsAsked reports whether an occurrence is of a command that somebody asked for, and of no schedule.
func (o Occurrence) IsAsked() bool { return strings.HasPrefix(o.Schedule, askedMark) }

// Ask queues a command, and gives the occurrence that it is. It is not fresh when it was asked for with this key before, or
// when the same command waits already.
func (s *Store) Ask(ctx context.Context, a Asked) (id int64, fresh bool, err error) {
	id, fresh, err = s.ask(ctx, a.lane(), a.Arguments, a.Key, a.By)
	if err != nil {
		return 0, false, fmt.Errorf("queue %s: %w", strings.Join(a.Arguments, " "), err)
	}
	return id, fresh, s.tell(ctx, a.lane())
}

// AskSchedule queues the command of a schedule out of its time, whether it is paused or not. It is not fresh when it was
// asked for with this key before, or while the schedule runs or is about to. ErrNone.
func (s *Store) AskSchedule(ctx context.Context, name, by, key string) (id int64, fresh bool, err error) {
	if _, err := s.Get(ctx, name); err != nil {
		return 0, false, err
	}
	id, fresh, err = s.ask(ctx, name, nil, key, by)
	if err != nil {
		return 0, false, fmt.Errorf("queue schedule %s: %w", name, err)
	}
	return id, fresh, s.tell(ctx, name)
}

// askedTimes is how often an asking is tried that somebody else's came before in the same moment: the next sees that one.
const askedTimes = 5

// ask queues arguments, or with none those of the schedule of that name.
func (s *Store) ask(ctx context.Context, name string, arguments []string, key, by string) (id int64, fresh bool, err error) {
	for range askedTimes {
		err = s.db.QueryRow(ctx, askSQL, name, arguments, key, by, s.now, s.environment).Scan(&id, &fresh)
		if !errors.Is(err, pgx.ErrNoRows) {
			return id, fresh, err
		}
	}
	return 0, false, fmt.Errorf("others ask for the same in the same moment: %w", err)
}
