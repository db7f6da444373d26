package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// stdin is the argument that stands for standard input.
const stdin = "-"

// extensions are what a folder is searched for; a file named by itself may be called anything.
var extensions = []string{".json", ".ndjson", ".jsonl"}

// findInputs lists the files that the arguments mean, folders searched recursively and in order of names,
// with the bytes in them altogether: -1 where standard input is among them.
func findInputs(args []string) (files []string, size int64, err error) {
	for _, arg := range args {
		found, bytes, err := findInput(arg)
		if err != nil {
			return nil, 0, err
		}
		files = append(files, found...)
		if size += bytes; bytes < 0 || size < bytes {
			size = -1
		}
	}
	return files, size, nil
}

func findInput(arg string) ([]string, int64, error) {
	if arg == stdin {
		return []string{stdin}, -1, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, 0, err
	}
	if !info.IsDir() {
		return []string{arg}, info.Size(), nil
	}
	files, size, err := walkInput(arg)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no file named %v: name the files themselves", arg, extensions)
	}
	return files, size, err
}

func walkInput(folder string) (files []string, size int64, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains(extensions, filepath.Ext(path)) {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		files = append(files, path)
		size += info.Size()
		return nil
	})
	return files, size, err
}

// documents yields what is in the files, one after the other; an error ends one file, not the rest.
func documents(files []string, in io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		for _, name := range files {
			if !readInput(name, in, yield) {
				return
			}
		}
	}
}

func readInput(name string, in io.Reader, yield func(document, error) bool) bool {
	if name != stdin {
		file, err := os.Open(name)
		if err != nil {
			return yield(document{name: name}, err)
		}
		defer file.Close()
		in = file
	}
	split := newSplitter(name, in)
	for {
		d, err := split.next()
		if errors.Is(err, io.EOF) {
			return true
		}
		if !yield(d, err) {
			return false
		}
		if err != nil && !errors.Is(err, errTooLong) {
			return true
		}
	}
}
