"""What the client sends, and how it judges what it receives: a tone by its frequency, a picture by its colours."""
import asyncio
import fractions
import time

import numpy
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

RATE = 48000
CHUNK = RATE // 50


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz, self.n, self.start, self.muted = hz, 0, None, False

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0, self.start + self.n / RATE - time.monotonic()))
        t = (self.n + numpy.arange(CHUNK)) / RATE
        samples = (numpy.sin(2 * numpy.pi * self.hz * t) * (0 if self.muted else 16000)).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.n, fractions.Fraction(1, RATE)
        self.n += CHUNK
        return frame


class Picture(MediaStreamTrack):
    kind = "video"

    def __init__(self, rgb, fps=15):
        super().__init__()
        self.rgb, self.fps, self.n, self.start = rgb, fps, 0, None

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0, self.start + self.n / self.fps - time.monotonic()))
        image = numpy.empty((240, 320, 3), numpy.uint8)
        image[:] = self.rgb
        x = self.n * 8 % 288
        image[200:232, x:x + 32] = 255
        frame = VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = self.n * 90000 // self.fps, fractions.Fraction(1, 90000)
        self.n += 1
        return frame


class Receiver:
    def __init__(self):
        self.samples = numpy.zeros(16384)
        self.heard_at = 0
        self.frames = 0
        self.image = None

    def take(self, track):
        asyncio.ensure_future(self.listen(track) if track.kind == "audio" else self.watch(track))

    async def listen(self, track):
        try:
            while True:
                frame = await track.recv()
                x = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0] / 32768  # packed s16
                self.samples = numpy.concatenate([self.samples, x])[-16384:]
                self.rate = frame.sample_rate
                self.heard_at = time.monotonic()
        except MediaStreamError:
            pass

    async def watch(self, track):
        try:
            while True:
                frame = await track.recv()
                self.image = frame.to_ndarray(format="rgb24")
                self.frames += 1
        except MediaStreamError:
            pass

    def hear(self):
        rms = float(numpy.sqrt(numpy.mean(self.samples ** 2)))
        if time.monotonic() - self.heard_at > 0.5 or rms < 1e-4:
            return {"hz": 0, "share": 0, "rms": 0}
        power = numpy.abs(numpy.fft.rfft(self.samples * numpy.hanning(len(self.samples)))) ** 2
        peak = int(numpy.argmax(power[1:])) + 1
        near = power[max(0, peak - 4):peak + 5].sum()
        return {"hz": peak * self.rate / len(self.samples), "share": float(near / power.sum()), "rms": rms}

    def see(self):
        if self.image is None:
            return {"width": 0, "height": 0, "columns": [], "frames": 0}
        height, width, _ = self.image.shape
        columns = [self.image[:height // 2, int(width * a):int(width * (a + 0.16))].reshape(-1, 3).mean(0).round().tolist()
                   for a in (0.08, 0.42, 0.75)]
        return {"width": width, "height": height, "columns": columns, "frames": self.frames}
