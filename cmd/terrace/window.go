package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/terrace-elt/terrace/dag"
)

// window reads --from and --to in the project's time zone.
func (w *work) window() error {
	zone, err := time.LoadLocation(w.project.Config.Timezone)
	if err != nil {
		return &inputError{message: fmt.Sprintf("timezone %q of terrace.yml is not known", w.project.Config.Timezone), hint: "Use an IANA name such as Asia/Shanghai."}
	}
	if w.from, err = w.border("--from", &w.request.From, zone); err != nil {
		return err
	}
	if w.to, err = w.border("--to", &w.request.To, zone); err != nil {
		return err
	}
	if err := w.request.reading.check(w.request.Window); err != nil {
		return err
	}
	if !w.to.IsZero() && !w.from.Before(w.to) {
		return &inputError{message: "--from is not before --to", hint: "The window is half-open: --from is in it, --to is not."}
	}
	return w.rebuildWindow(zone)
}

// rebuildWindow finds the day, in the project's zone, with which --rebuild-days begins: 1 is today, or was when the run that
// is done again was asked for.
func (w *work) rebuildWindow(zone *time.Location) error {
	switch days := w.request.rebuild.RebuildDays; {
	case days == 0:
		return nil
	case days < 0:
		return &inputError{message: fmt.Sprintf("--rebuild-days is %d", days), hint: "Give a number from 1, which is today."}
	case !w.from.IsZero() || !w.to.IsZero():
		return &inputError{message: "--rebuild-days and a window are given", hint: "--from and --to choose a window themselves."}
	case w.request.rebuild.FullRefresh:
		return &inputError{message: "--rebuild-days and --full-refresh are given", hint: "A full refresh rebuilds every day."}
	case !w.request.rebuildFrom.IsZero():
		w.rebuildFrom = w.request.rebuildFrom
		return nil
	default:
		year, month, day := w.now().In(zone).Date()
		w.rebuildFrom = time.Date(year, month, day-days+1, 0, 0, 0, 0, zone)
		return nil
	}
}

// now is the clock that the request was made by.
func (w *work) now() time.Time {
	if w.request.now != nil {
		return w.request.now()
	}
	return w.app.Now()
}

// modelWindow is the stretch that models with a window are limited to; zero where they are not.
func (w *work) modelWindow() (from, to time.Time) {
	if !w.rebuildFrom.IsZero() {
		return w.rebuildFrom, time.Time{}
	}
	return w.from, w.to
}

// warnOfNoWindow tells that a stretch was asked for which nothing selected can be limited to: such a run does what it
// would do without.
func (w *work) warnOfNoWindow(selected dag.Selection) {
	slicing := w.request.extract && w.rebuildFrom.IsZero()
	if !w.windowed() || slicing {
		return
	}
	for _, n := range selected.Nodes() {
		if n.Kind != dag.KindAssertion && n.Model != nil && n.Model.Header.Window != "" {
			return
		}
	}
	w.app.Log.Warn("the stretch of time changes nothing: no selected model has a window",
		"hint", "Name the column that --from, --to and --rebuild-days act on in a model's header, window: business_date; --full-refresh rebuilds whole.")
}

func (w *work) windowed() bool {
	from, to := w.modelWindow()
	return !from.IsZero() || !to.IsZero()
}

var daysAgo = regexp.MustCompile(`^([0-9]{1,5})d$`)

// border reads an end of the window: a time, or 15d, the midnight of so many days before today. The request has the time
// from then on, so that a retry of another day means the same.
func (w *work) border(flag string, text *string, zone *time.Location) (time.Time, error) {
	form := daysAgo.FindStringSubmatch(*text)
	if form == nil {
		return instant(flag, *text, zone)
	}
	days, err := strconv.Atoi(form[1])
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", flag, err)
	}
	year, month, day := w.now().In(zone).Date()
	at := time.Date(year, month, day-days, 0, 0, 0, 0, zone)
	*text = at.Format(time.RFC3339)
	return at, nil
}

// instant reads a time as people write it.
func instant(flag, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &inputError{
		message: fmt.Sprintf("%s is %q, which is no time", flag, text),
		hint:    "Write 2026-01-31, or 2026-01-31 10:00, or with a zone 2026-01-31T10:00:00+08:00.",
	}
}
