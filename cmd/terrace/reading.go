package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/extract"
)

// Reading are the flags of commands that read sources.
type Reading struct {
	WindowSplit     string        `name:"window-split" placeholder:"STEP" help:"Read sources by month, by day, or all at once: none (default: as each stream declares)."`
	Pad             time.Duration `placeholder:"DURATION" help:"Read sources so much before --from and after --to as well: 2h."`
	AllowMassDelete bool          `name:"allow-mass-delete" help:"Let a sweep mark more records as deleted than its max_share."`
}

// check refuses what means nothing.
func (r Reading) check(w Window) error {
	splits := []string{"", string(extract.ByMonth), string(extract.ByDay), string(extract.NoSplit)}
	switch {
	case !slices.Contains(splits, r.WindowSplit):
		return &inputError{message: fmt.Sprintf("--window-split is %q", r.WindowSplit), hint: "Use month, day or none."}
	case r.Pad < 0:
		return &inputError{message: fmt.Sprintf("--pad is %s", r.Pad), hint: "Give a length of time such as 2h."}
	case r.Pad > 0 && w.From == "" && w.To == "":
		return &inputError{message: "--pad has no window to widen", hint: "Give --from, --to, or both."}
	}
	return nil
}

// readingWindow is the stretch that streams are read for.
func (w *work) readingWindow() extract.Window {
	r := w.request.reading
	return extract.Window{From: w.from, To: w.to, Split: extract.Split(r.WindowSplit), Pad: r.Pad}
}

// Recording are the flags that put a folder beside a source, or in its place.
type Recording struct {
	Record     string `xor:"recording" placeholder:"DIR" help:"Keep what sources answer in a new folder, without credentials."`
	Replay     string `xor:"recording" placeholder:"DIR" help:"Read what --record or --fetch-only kept, instead of the sources."`
	FetchOnly  string `name:"fetch-only" xor:"recording" placeholder:"DIR" help:"Fetch and keep as --record does; land nothing."`
	IngestOnly string `name:"ingest-only" xor:"recording" placeholder:"DIR" help:"Land from a folder: what --fetch-only kept, or a folder per stream with JSON files of its answers."`
}

// folder is an open folder that takes part in a reading; its zero value is none.
type folder struct {
	// flag is what was given: "--replay kept".
	flag      string
	root      *os.Root
	recorder  *extract.Recorder
	recording *extract.Recording
	pages     fs.FS
	fetchOnly bool
}

// open opens the folder that a flag names. One that is recorded to is made.
func (r Recording) open() (folder, error) {
	for _, flag := range []struct {
		name, dir string
		use       func(*folder) error
	}{
		{"--record", r.Record, (*folder).record},
		{"--fetch-only", r.FetchOnly, (*folder).fetch},
		{"--replay", r.Replay, (*folder).replay},
		{"--ingest-only", r.IngestOnly, (*folder).ingest},
	} {
		if flag.dir == "" {
			continue
		}
		if r.Record+r.FetchOnly != "" {
			if err := os.MkdirAll(flag.dir, 0o755); err != nil {
				return folder{}, &surroundingsError{err: err, hint: "Name a folder that can be made with " + flag.name + "."}
			}
		}
		root, err := os.OpenRoot(flag.dir)
		if err != nil {
			return folder{}, &inputError{message: fmt.Sprintf("%s %s: there is no such folder", flag.name, flag.dir), hint: "Name one that terrace extract --record has made."}
		}
		f := folder{root: root, flag: flag.name + " " + flag.dir}
		if err := flag.use(&f); err != nil {
			_ = root.Close() // it was only looked at
			return folder{}, &inputError{message: fmt.Sprintf("%s %s: %v", flag.name, flag.dir, err), hint: sentence(hintOf(err))}
		}
		return f, nil
	}
	return folder{}, nil
}

// sentence makes a hint of a package one of a command.
func sentence(hint string) string {
	if hint == "" {
		return ""
	}
	return strings.ToUpper(hint[:1]) + hint[1:] + "."
}

func (f *folder) record() (err error) {
	f.recorder, err = extract.NewRecorder(f.root)
	return err
}

func (f *folder) fetch() error {
	f.fetchOnly = true
	return f.record()
}

func (f *folder) replay() (err error) {
	f.recording, err = extract.OpenRecording(f.root)
	return err
}

// ingest takes a recording for what it is, and any other folder for answers that somebody else fetched.
func (f *folder) ingest() error {
	if extract.IsRecording(f.root) {
		return f.replay()
	}
	f.pages = f.root.FS()
	return nil
}

// close ends a recording.
func (f folder) close() error {
	if f.root == nil {
		return nil
	}
	var err error
	if f.recorder != nil {
		err = f.recorder.Close()
	}
	return errors.Join(err, f.root.Close())
}

// offline reports whether no source is asked.
func (f folder) offline() bool { return f.recording != nil || f.pages != nil }

// has reports whether a stream that nobody named takes part: with a folder in its place, one that the folder has
// something of; without landing, one that can be read so.
func (f folder) has(s *extract.Stream) bool {
	http := s.Source.Type == extract.HTTP
	switch {
	case f.recording != nil:
		return s.Source.Recordable() && slices.Contains(f.recording.Streams(), s.Name)
	case f.pages != nil:
		_, short, _ := strings.Cut(s.Name, ".")
		return http && (f.holds(s.Name) || f.holds(short))
	case f.fetchOnly:
		return s.Source.Recordable() && s.Parent() == ""
	default:
		return true
	}
}

func (f folder) holds(name string) bool {
	_, err := fs.Stat(f.pages, name)
	return err == nil
}
