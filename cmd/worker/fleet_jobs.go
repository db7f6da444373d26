package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"returnd/internal/job"
)

// kind is a sort of job that the fleet runs.
type kind struct {
	funs   []string // more than one make a compound command
	target string
	args   string // raw, as Salt's arg and fun_args
	// answer gives the members return, retcode and success, raw; fail asks for a failure, where there can be one.
	answer func(f *fleet, fail bool) (ret, retcode, success string)
}

// kinds are what a fleet runs all day, from the smallest documents to large ones.
func kinds() []kind {
	return []kind{
		{[]string{"test.ping"}, "*", "[]", answerPing},
		{[]string{"state.apply"}, "web*", `["web.nginx"]`, answerState},
		{[]string{"cmd.run"}, "app*", `["systemctl is-active app"]`, answerCommand},
		{[]string{"disk.usage"}, "*", "[]", answerDisk},
		{[]string{"pkg.list_pkgs"}, "db*", "[]", answerPackages},
		{[]string{"test.ping", "cmd.run"}, "cache*", `[[], ["redis-cli ping"]]`, answerCompound},
	}
}

func (k kind) shownFun() string { return strings.Join(k.funs, ",") }

// fun is the raw member fun.
func (k kind) fun() string {
	if len(k.funs) > 1 {
		return pyStrings(k.funs)
	}
	return pyString(k.funs[0])
}

// load is what the master's bus tells of a new job.
func (k kind) load(jid string, minions []string) []byte {
	return []byte(pyObject("jid", pyString(jid), "tgt_type", `"glob"`, "tgt", pyString(k.target), "user", `"root"`,
		"fun", k.fun(), "arg", k.args, "minions", pyStrings(minions), "missing", "[]", "_stamp", stampOf(jid)))
}

// ret is one minion's answer, as the master's bus has it.
func (k kind) ret(f *fleet, jid, minion string, fail bool) []byte {
	ret, retcode, success := k.answer(f, fail)
	return []byte(pyObject("cmd", `"_return"`, "id", pyString(minion), "success", success, "return", ret, "retcode", retcode,
		"jid", pyString(jid), "fun", k.fun(), "fun_args", k.args, "user", `"root"`, "_stamp", stampOf(jid)))
}

// stampOf is near enough: the job's own time.
func stampOf(jid string) string {
	t, ok := job.JIDTime(jid)
	if !ok {
		t = time.Unix(0, 0)
	}
	return pyStamp(t)
}

func answerPing(*fleet, bool) (ret, retcode, success string) { return "true", "0", "true" }

func answerCommand(_ *fleet, fail bool) (ret, retcode, success string) {
	if fail {
		return pyString("inactive\nläuft nicht: exit status 3"), "3", "false"
	}
	return pyString("active"), "0", "true"
}

func answerCompound(_ *fleet, fail bool) (ret, retcode, success string) {
	if fail {
		return pyObject("test.ping", "true", "cmd.run", pyString("Could not connect to Redis at 127.0.0.1:6379")),
			pyObject("test.ping", "0", "cmd.run", "1"), pyObject("test.ping", "true", "cmd.run", "false")
	}
	return pyObject("test.ping", "true", "cmd.run", `"PONG"`),
		pyObject("test.ping", "0", "cmd.run", "0"), pyObject("test.ping", "true", "cmd.run", "true")
}

func answerState(f *fleet, fail bool) (ret, retcode, success string) {
	changes := "{}"
	if f.chance(50) {
		changes = pyObject("diff", pyString("--- \n+++ \n@@ -1,1 +1,1 @@\n-worker_processes 2;\n+worker_processes auto;\n"))
	}
	service, result, retcode, success := "The service nginx is already running", "true", "0", "true"
	if fail {
		service, result, retcode, success = "Service nginx failed to start: \"bind() to 0.0.0.0:80 failed\"", "false", "2", "false"
	}
	return pyObject(
		"pkg_|-nginx_|-nginx_|-installed", f.state("nginx", "{}", "true", "All specified packages are already installed", 0),
		"file_|-conf_|-/etc/nginx/nginx.conf_|-managed", f.state("/etc/nginx/nginx.conf", changes, "true", "File /etc/nginx/nginx.conf is in the correct state", 1),
		"service_|-nginx_|-nginx_|-running", f.state("nginx", "{}", result, service, 2)), retcode, success
}

// state is one state's result within a state run.
func (f *fleet) state(name, changes, result, comment string, number int) string {
	duration := strconv.FormatFloat(float64(f.rng.IntN(900_000))/1000, 'f', 3, 64)
	return pyObject("name", pyString(name), "changes", changes, "result", result, "comment", pyString(comment),
		"__sls__", `"web.nginx"`, "__run_num__", strconv.Itoa(number), "start_time", `"08:01:02.123456"`, "duration", duration, "__id__", pyString(name))
}

func answerDisk(f *fleet, _ bool) (ret, retcode, success string) {
	mount := func(device string, size int) string {
		used := f.rng.IntN(size)
		return pyObject("filesystem", pyString(device), "1K-blocks", pyString(strconv.Itoa(size)), "used", pyString(strconv.Itoa(used)),
			"available", pyString(strconv.Itoa(size-used)), "capacity", pyString(fmt.Sprintf("%d%%", 100*used/size)))
	}
	return pyObject("/", mount("/dev/vda1", 41_251_136), "/var", mount("/dev/vdb", 103_080_888)), "0", "true"
}

func answerPackages(f *fleet, fail bool) (ret, retcode, success string) {
	if fail {
		return pyString("The minion function caused an exception: Traceback (most recent call last):\n  File \"dpkg.py\", line 98, in list_pkgs\nCommandExecutionError: dpkg database is locked"), "1", "false"
	}
	var members []string
	for i := range 250 {
		members = append(members, fmt.Sprintf("lib%03d:amd64", i),
			pyString(fmt.Sprintf("%d.%d.%d-%d+deb12u%d", i%7, f.rng.IntN(30), f.rng.IntN(10), f.rng.IntN(4), i%3)))
	}
	return pyObject(members...), "0", "true"
}
