package cfg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret is far beyond any password, and keeps a wrong path from being read into memory.
const maxSecret = 64 << 10

// namedFile is a file that the configuration names.
type namedFile struct{ key, path string }

// ReadSecret reads a password or token without the line ends behind it. Read it when it is needed, not once: the file
// may be replaced while the worker runs.
func ReadSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(content), "\r\n")
	switch {
	case len(content) > maxSecret:
		return "", fmt.Errorf("%s is larger than a secret can be (%d bytes)", path, maxSecret)
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}

// checkSecrets refuses secrets given twice and files that cannot be read.
func checkSecrets(known keys, c *Config, skip func(key) bool) []error {
	var faults []error
	for _, path := range known.paths() {
		k, ok := known[path+"_file"]
		if !ok || skip(k) && skip(known[path]) {
			continue
		}
		file := k.of(c).String()
		if file == "" {
			continue
		}
		if known[path].of(c).String() != "" {
			faults = append(faults, fmt.Errorf("%s and %s are both given: keep one of them", path, k.path))
		}
		if _, err := ReadSecret(file); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w; name a readable file that holds the secret alone", k.path, err))
		}
	}
	files := append(c.NATS.files(), redisFiles(known, c, skip)...)
	return append(faults, checkFiles(files)...)
}

// redisFiles are the files that the targets name, beside the secrets' own.
func redisFiles(known keys, c *Config, skip func(key) bool) []namedFile {
	var files []namedFile
	for _, path := range known.paths() {
		k := known[path]
		for _, leaf := range []string{"redis.tls.ca", "redis.tls.cert", "redis.tls.key"} {
			if strings.TrimPrefix(path, k.profile+".") == leaf && !skip(k) {
				files = append(files, namedFile{path, k.of(c).String()})
			}
		}
	}
	return files
}

func checkFiles(files []namedFile) []error {
	var faults []error
	for _, f := range files {
		if f.path == "" {
			continue
		}
		if err := readable(f.path); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w; name a file that this user may read", f.key, err))
		}
	}
	return faults
}

func readable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		return errors.New(path + " is a folder")
	}
	return err
}
