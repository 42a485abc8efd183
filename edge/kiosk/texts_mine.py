"""The words of a visitor's request for their own data by card, in Chinese and English; never says whose."""

MINE_TEXTS: dict[str, tuple[str, str]] = {
    "start.mine": ("我的资料", "My data"),
    "mine.title": ("查看我的资料", "Your own data"),
    "mine.lead": (
        "来访登记时读过证件的，把同一张证件放到读卡器上，就能重新打开您自己的资料页。",
        "If your card was read when you registered, lay it on the reader: it opens your own page again.",
    ),
    "mine.note": (
        "只核对，不保存，也不显示号码。没有读过证件的，请找接待员。",
        "It is only compared: nothing is kept, no number shown. Not read then? Please ask at the desk.",
    ),
    "mine.start": ("读我的证件", "Read my card"),
    "mine.wait": ("请把证件放到读卡器上", "Lay your card on the reader"),
    "mine.wait_note": (
        "最多等二十秒，读到的内容不保存。",
        "At most twenty seconds. Nothing of it is kept.",
    ),
    "mine.stop": ("停止", "Stop"),
    "mine.found": ("请扫码，打开您的资料页", "Scan this to open your page"),
    "mine.found_note": (
        "在那里可以查阅、撤回、更正、删除和投诉。请拿好证件。",
        "There you can see, withdraw, correct, erase and complain. Please take your card.",
    ),
    "mine.clear": ("好了，清屏", "Done, clear the screen"),
    "mine.nothing": ("这张证件打不开资料页", "This card opens no page"),
    "mine.nothing_note": (
        "刚才读到的，没有保存。要查阅、更正或删除，请找接待员。",
        "Nothing of it was kept. To see, correct or erase data, please ask at the desk.",
    ),
    "mine.later": ("现在不能读证件", "No card can be read just now"),
    "mine.later_note": (
        "请找接待员，或过十分钟再来。",
        "Please ask at the desk, or try in ten minutes.",
    ),
    "mine.no_card": ("没有看到证件", "No card was seen"),
    "mine.no_card_note": ("请把证件平放在读卡器上，再试一次。", "Lay it flat on the reader and try again."),
    "mine.not_lifted": ("请先把证件拿起来", "Take the card off first"),
    "mine.not_lifted_note": ("拿起来，再试一次，然后放上去。", "Lift it, try again, and then lay it down."),
    "mine.failed": ("没有读成", "The card could not be read"),
    "mine.failed_note": (
        "请重新放好证件，再试一次，或找接待员。",
        "Place it anew, or ask at the desk.",
    ),
    "mine.busy": ("读卡器正在使用", "The reader is in use"),
    "mine.busy_note": ("请等前一位用完，再试一次。", "Please wait until it is free, and try again."),
}
