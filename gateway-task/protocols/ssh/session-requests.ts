import type { Admission } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import {
  execProgram,
  type Program,
  redefined,
  reverseCommand,
  shellProgram,
  subsystemProgram,
} from '#lib/ssh/commands.ts';
import type { SshReader } from '#lib/ssh/data-types.ts';
import { isHarmlessVariable } from '#lib/ssh/shell/look-through.ts';
import type { Channel } from './channel.ts';
import type { Interpreters } from './channel-data.ts';
import { asksForLife, type ConnectionLayer } from './connection-layer.ts';
import { FileChannel } from './file-channel.ts';
import { KeyboardInput, UnseenKeys } from './keyboard-input.ts';
import { scpStream } from './scp/index.ts';
import { SftpStream } from './sftp/sftp-stream.ts';
import { echoes } from './terminal-modes.ts';
import { channelMessage, message } from './wire/messages.ts';

/** A command line, and everything else in a request, must be read whole. */
const maxEnvironment = 256;
const maxEnvironmentBytes = 64 * 1024;
/** "Command invoked cannot execute", as shells say it; a shell that does not start has failed. */
const refusedExec = 126;
const refusedShell = 1;

/** What a client asks for in a session channel, RFC 4254 section 6. */
export class SessionRequests {
  readonly #layer: ConnectionLayer;
  readonly #interpreters: Interpreters;
  readonly #unseen = new UnseenKeys();

  constructor(layer: ConnectionLayer, interpreters: Interpreters) {
    this.#layer = layer;
    this.#interpreters = interpreters;
  }

  /** @param rest behind name and want-reply */
  take(channel: Channel, name: string, wantReply: boolean, rest: SshReader, payload: Buffer): void {
    switch (name) {
      case 'pty-req':
        this.#pty(channel, wantReply, rest, payload);
        return;
      case 'window-change':
        this.#resize(channel, wantReply, rest, payload);
        return;
      case 'env':
        this.#environment(channel, wantReply, rest, payload);
        return;
      case 'shell':
        rest.end();
        this.#start(channel, wantReply, shellProgram(), refusedShell, payload);
        return;
      case 'exec': {
        const text = Buffer.from(rest.string());
        rest.end();
        this.#start(channel, wantReply, execProgram(text, channel.pty), refusedExec, payload);
        return;
      }
      case 'subsystem': {
        const subsystem = rest.name();
        rest.end();
        this.#start(channel, wantReply, subsystemProgram(subsystem), refusedExec, payload);
        return;
      }
      case 'signal': {
        const signal = rest.name();
        rest.end();
        this.#layer.gate.note('notice', { channel: channel.stream, signal });
        this.#pass(channel, wantReply, payload);
        return;
      }
      case 'break':
      case 'xon-xoff':
      case 'eow@openssh.com':
        this.#pass(channel, wantReply, payload);
        return;
      case 'auth-agent-req@openssh.com':
        this.#reverse(channel, wantReply, 'agent', 'auth-agent@openssh.com', payload);
        return;
      case 'x11-req':
        this.#reverse(channel, wantReply, 'x11', 'x11', payload);
        return;
      default:
        this.#unknown(channel, wantReply, name);
        return;
    }
  }

  #pty(channel: Channel, wantReply: boolean, rest: SshReader, payload: Buffer): void {
    const term = rest.text();
    const cols = rest.u32();
    const rows = rest.u32();
    rest.u32();
    rest.u32();
    const echo = echoes(rest.string());
    rest.end();
    // Before the program, once: what is typed into it depends on it, and sshd ends the connection at a second.
    if (channel.started || channel.pty) {
      this.#deny(channel, wantReply);
      return;
    }
    channel.pty = true;
    channel.echo = echo;
    if (!isHarmlessVariable('TERM', term)) channel.redefined = true;
    this.#layer.gate.note('resize', {
      channel: channel.stream,
      cols,
      rows,
      term,
      ...(!echo && { echo }),
    });
    this.#pass(channel, wantReply, payload);
  }

  #resize(channel: Channel, wantReply: boolean, rest: SshReader, payload: Buffer): void {
    const cols = rest.u32();
    const rows = rest.u32();
    this.#layer.gate.note('resize', { channel: channel.stream, cols, rows });
    this.#pass(channel, wantReply, payload);
  }

  #environment(channel: Channel, wantReply: boolean, rest: SshReader, payload: Buffer): void {
    const name = rest.text();
    const value = rest.text();
    rest.end();
    const { environment, started } = channel;
    let bytes = name.length + value.length;
    for (const [key, held] of environment) bytes += key.length + held.length;
    // It is recorded with the program: behind that it would not be.
    if (started || environment.size >= maxEnvironment || bytes > maxEnvironmentBytes) {
      this.#deny(channel, wantReply);
      return;
    }
    environment.set(name, value);
    if (!isHarmlessVariable(name, value)) channel.redefined = true;
    this.#pass(channel, wantReply, payload);
  }

  /** The program of the channel: a shell, a command line, a subsystem. */
  #start(
    channel: Channel,
    wantReply: boolean,
    program: Program,
    refusedStatus: number,
    payload: Buffer,
  ): void {
    const admission = this.#admit(channel, wantReply, program, refusedStatus);
    if (admission === undefined) return;
    this.#interpret(channel, program);
    this.#perform(channel, wantReply, payload, admission, program);
  }

  /** Undefined: the client has its answer. */
  #admit(
    channel: Channel,
    wantReply: boolean,
    program: Program,
    refusedStatus: number,
  ): Admission | undefined {
    if (channel.started) {
      this.#deny(channel, wantReply);
      return undefined;
    }
    const { command } = channel.redefined ? redefined(program) : program;
    const details = { ...program.details, ...ofChannel(channel) };
    const own = channel.pty && transfersFiles(program) ? noTerminal() : undefined;
    const verdict = this.#layer.gate.admit(command, details, own);
    if (verdict instanceof SallyportError) {
      this.#layer.refuseProgram(channel, wantReply, verdict, refusedStatus);
      return undefined;
    }
    channel.started = true;
    return verdict;
  }

  #interpret(channel: Channel, program: Program): void {
    const { line } = program;
    if (channel.pty) {
      this.#interpreters.keyboards.set(
        channel,
        new KeyboardInput(this.#layer.gate, channel.stream, this.#unseen, channel.echo),
      );
    } else if (isSftp(program)) {
      this.#readFiles(channel, 'sftp', port => new SftpStream(port));
    } else if (line?.scpLegacy) {
      const command = line.scpLegacy;
      this.#readFiles(channel, 'scp', port => scpStream(port, command));
    }
  }

  #readFiles(
    channel: Channel,
    kind: 'sftp' | 'scp',
    make: (port: FileChannel) => NonNullable<Channel['files']>,
  ): void {
    const port = new FileChannel(this.#layer, channel, kind);
    channel.files = make(port);
    this.#interpreters.files.set(channel, port);
  }

  #perform(
    channel: Channel,
    wantReply: boolean,
    payload: Buffer,
    admission: Admission,
    program: Program,
  ): void {
    payload.writeUInt32BE(channel.targetId!, 1);
    channel.command = this.#layer.gate.perform(payload, admission, {
      ...program.details,
      ...ofChannel(channel),
    });
    if (wantReply) channel.replies.expect();
  }

  #reverse(channel: Channel, wantReply: boolean, kind: 'agent' | 'x11', type: string, payload: Buffer): void {
    const verdict = this.#layer.gate.admit(reverseCommand(kind), { kind, channel: channel.stream });
    if (verdict instanceof SallyportError) {
      // Clients say no more than that it failed.
      this.#layer.say(channel, verdict);
      this.#deny(channel, wantReply);
      return;
    }
    payload.writeUInt32BE(channel.targetId!, 1);
    this.#layer.reversed.set(
      type,
      this.#layer.gate.perform(payload, verdict, { kind, channel: channel.stream }),
    );
    if (wantReply) channel.replies.expect();
  }

  #unknown(channel: Channel, wantReply: boolean, name: string): void {
    if (!asksForLife(name)) this.#layer.refuseUnknown(`request ${name}`);
    this.#deny(channel, wantReply);
  }

  #pass(channel: Channel, wantReply: boolean, payload: Buffer): void {
    this.#layer.passToTarget(channel, payload);
    if (wantReply) channel.replies.expect();
  }

  #deny(channel: Channel, wantReply: boolean): void {
    if (!wantReply) return;
    channel.replies.answer(() =>
      this.#layer.toClient(channelMessage(message.channelFailure, channel.clientId!)),
    );
  }
}

/** As a subsystem, or its server as a command. */
const isSftp = ({ line, details }: Program): boolean =>
  line?.sftpServer !== undefined || details['name'] === 'sftp';

const transfersFiles = (program: Program): boolean =>
  isSftp(program) || program.line?.scpLegacy !== undefined;

/** A terminal changes the bytes of a file protocol, so that the files could not be told and decided. */
function noTerminal(): SallyportError {
  return new SallyportError('denied', 'files are not transferred through a terminal', {
    hint: 'Ask for none: ssh -T.',
  });
}

/** What the record of a program says of its channel. */
function ofChannel({ stream, pty, environment }: Channel): object {
  return {
    channel: stream,
    ...(pty && { pty }),
    ...(environment.size > 0 && { environment: Object.fromEntries(environment) }),
  };
}
