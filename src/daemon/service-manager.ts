import { messageOf } from "../ground/errors/index.ts";
import { sendDatagram } from "../ground/linux/index.ts";
import type { Logger } from "../ground/logging/index.ts";

/**
 * Reports the daemon's state to systemd (sd_notify(3), `Type=notify`, `WatchdogSec=`); does nothing without a
 * service manager.
 */
export class ServiceManager implements AsyncDisposable {
  readonly #socket: string | undefined;
  readonly #logger: Logger;
  #watchdog: NodeJS.Timeout | undefined;

  private constructor(socket: string | undefined, logger: Logger) {
    this.#socket = socket;
    this.#logger = logger;
  }

  static async connect(environment: NodeJS.ProcessEnv, logger: Logger): Promise<ServiceManager> {
    const manager = new ServiceManager(environment.NOTIFY_SOCKET || undefined, logger);
    manager.#startWatchdog(Number(environment.WATCHDOG_USEC ?? 0) / 1000);
    return manager;
  }

  /** The timer runs on the main thread: if that hangs, systemd must restart the daemon. */
  #startWatchdog(timeoutMs: number): void {
    if (timeoutMs <= 0 || !Number.isFinite(timeoutMs)) return;
    this.#watchdog = setInterval(() => void this.#tell("WATCHDOG=1"), timeoutMs / 2).unref();
  }

  ready(): Promise<void> {
    return this.#tell("READY=1");
  }

  stopping(): Promise<void> {
    return this.#tell("STOPPING=1");
  }

  /** A failed notification must not end the daemon: the service manager decides what to do without one. */
  async #tell(message: string): Promise<void> {
    if (this.#socket === undefined) return;
    await sendDatagram(this.#socket, message).catch((error: unknown) => {
      this.#logger.warn({ message, error: messageOf(error) }, "cannot notify the service manager");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watchdog);
  }
}
